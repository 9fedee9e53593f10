import jax
import jax.numpy as jnp
import numpy as np
import pytest

from matmend.dynamics._lanes import run_lanes


@jax.jit
def count_down(step, state):
    """Three steps at most, of different sizes, to 0."""
    left, steps = state
    for _ in range(3):
        moves = left > 0
        left, steps = jnp.where(moves, left - step, left), steps + moves.astype(steps.dtype)
    return (left, steps), left <= 0


@pytest.mark.parametrize("num_problems", [1, 5, 8, 9, 20])
@pytest.mark.parametrize("max_lanes", [3, 8, 512])
def test_every_problem_makes_its_own_steps_whoever_shares_its_lane(num_problems, max_lanes):
    rng = np.random.default_rng(num_problems)
    length, step = rng.integers(0, 40, num_problems), rng.integers(1, 4, num_problems)
    start = length, np.zeros(num_problems, dtype=length.dtype)
    left, steps = run_lanes(count_down, step, start, max_lanes=max_lanes)
    np.testing.assert_array_equal(steps, -(-length // step))
    np.testing.assert_array_equal(left, length - steps * step)
    np.testing.assert_array_equal(start[1], 0)  # what was given is not written to


def test_few_shapes_are_compiled():
    shapes = set()

    def block(step, state):
        shapes.add(step.shape)
        return count_down(step, state)

    length = np.arange(700)
    run_lanes(block, np.ones(700, dtype=int), (length, np.zeros(700, dtype=int)))
    assert shapes <= {(8,), (64,), (512,)}
