import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from matmend.dynamics import flow, gradient_flow, imbalance
from matmend.matrix import Dense
from matmend.observation import Masked
from matmend.problem import Problem, ProblemParams
from matmend.regularizer import AdaptiveLaplacian
from matmend.representation import AbstractInitialization, Balanced, DeepFactorization, Direct, Gaussian
from matmend.transform import Transpose

RNG = np.random.default_rng(0)
VALUES = RNG.normal(size=(5, 4))
MASK = np.arange(20).reshape(5, 4) % 3 != 1
TIMES = np.array([0.0, 0.5, 3.0, 40.0])

# Compiling a flow takes seconds: two problems serve all tests.
OBSERVATION = Masked.from_array(VALUES, MASK)
DEEP = Problem(OBSERVATION, DeepFactorization(depth=3), 0.01 * AdaptiveLaplacian())
GRAPHS = 0.1 * AdaptiveLaplacian() + 0.2 * AdaptiveLaplacian(Transpose())
DIRECT = Problem(OBSERVATION, Direct(scale=1.0), GRAPHS)


def start_of_deep(seed: int, initialization: AbstractInitialization = Gaussian(std=0.4)):  # noqa: B008 (frozen)
    problem = eqx.tree_at(lambda p: p.representation, DEEP, DeepFactorization(depth=3, initialization=initialization))
    return problem.init(key=jax.random.key(seed))


class Quadratic(eqx.Module):
    Q: jax.Array

    def __call__(self, x):
        return x @ self.Q @ x / 2


def test_a_quadratic_decays_by_the_matrix_exponential():
    B = RNG.normal(size=(4, 4))
    Q, x = B @ B.T, RNG.normal(size=4)
    times = np.array([-1.0, 0.0, 0.3, 2.0])
    trajectory = flow(Quadratic(jnp.asarray(Q)), jnp.asarray(x), times)
    expected = [expm(-(t - times[0]) * Q) @ x for t in times]
    np.testing.assert_allclose(trajectory.params, expected, atol=1e-9)
    np.testing.assert_array_equal(trajectory.at(0), x)
    np.testing.assert_array_equal(trajectory.times, times)
    np.testing.assert_allclose(trajectory.loss, [y @ Q @ y / 2 for y in expected], atol=1e-9)


def test_the_flow_of_a_problem_is_scipys():
    params = start_of_deep(0)
    flat, unravel = ravel_pytree(params)
    gradient = jax.jit(jax.grad(lambda x: DEEP.objective(unravel(x))[0]))
    referee = solve_ivp(
        lambda _, x: -np.asarray(gradient(x)), (0, 40), flat, t_eval=TIMES, method="DOP853", rtol=1e-10, atol=1e-12
    )
    trajectory = gradient_flow(DEEP, params, TIMES)
    for i in range(len(TIMES)):
        np.testing.assert_allclose(ravel_pytree(trajectory.at(i))[0], referee.y[:, i], atol=1e-7)


def test_the_limit_of_gradient_descent():
    params = start_of_deep(1)
    after = gradient_flow(DEEP, params, TIMES).at(2)
    gradient = jax.grad(lambda p: DEEP.objective(p)[0])

    @jax.jit
    def distance_of_descent(steps):
        def step(_, p):
            return jax.tree.map(lambda w, g: w - TIMES[2] / steps * g, p, gradient(p))

        end = jax.lax.fori_loop(0, steps, step, params)
        return jnp.max(jnp.abs(ravel_pytree(end)[0] - ravel_pytree(after)[0]))

    coarse, fine = distance_of_descent(1000), distance_of_descent(2000)
    np.testing.assert_allclose(coarse / fine, 2, rtol=0.01)  # of first order in the learning rate
    assert fine < 1e-3


def test_the_loss_never_rises_and_falls_by_the_squared_gradient():
    h = 1e-3
    trajectory = gradient_flow(DEEP, start_of_deep(2), [0, 1 - h, 1 + h, 100])
    middle = gradient_flow(DEEP, trajectory.at(0), [0, 0.5, 1, 2])
    assert (np.diff(trajectory.loss) < 0).all()
    assert (np.diff(middle.loss) < 0).all()
    gradient, _ = ravel_pytree(jax.grad(lambda p: DEEP.objective(p)[0])(middle.at(2)))
    np.testing.assert_allclose((trajectory.loss[2] - trajectory.loss[1]) / (2 * h), -gradient @ gradient, rtol=1e-5)
    np.testing.assert_allclose(trajectory.loss[0], DEEP.objective(trajectory.at(0))[0], rtol=1e-14)


BRANCHES = {"matrix": ProblemParams(True, False), "graphs": ProblemParams(False, True)}


@pytest.mark.parametrize("branch", BRANCHES)
def test_only_what_is_trained_moves(branch):
    params = DIRECT.init(key=jax.random.key(3))
    trajectory = gradient_flow(DIRECT, params, TIMES, trained=BRANCHES[branch])
    moves = jax.tree.map(lambda path, start: float(jnp.abs(path - start[None]).max()), trajectory.params, params)
    matrix, graphs = jax.tree.leaves(moves.representation), jax.tree.leaves(moves.regularizer)
    moving, held = (matrix, graphs) if branch == "matrix" else (graphs, matrix)
    assert min(moving) > 1e-3
    assert max(held) == 0
    assert all(len(leaf) == len(TIMES) for leaf in jax.tree.leaves(trajectory.params))
    # Of a representation without a known invariant, nothing drifts.
    assert trajectory.conserved == ()
    assert trajectory.drift.tolist() == [0, 0, 0, 0]


def test_one_graph_of_a_fixed_matrix_flows_as_its_energy_alone_says():
    params = DIRECT.init(key=jax.random.key(4))
    trajectory = gradient_flow(DIRECT, params, TIMES, trained=ProblemParams(False, (True, False)))
    rows, columns = trajectory.params.regularizer
    part = GRAPHS.regularizers[0]
    alone = flow(lambda logits: part.energy(logits, Dense(params.representation)), params.regularizer[0], TIMES)
    np.testing.assert_allclose(rows, alone.params, atol=1e-9)
    assert jnp.abs(rows[-1] - rows[0]).max() > 1e-3
    assert jnp.abs(columns[-1] - columns[0]).max() == 0


@pytest.mark.parametrize("initialization", [Balanced(std=0.5), Gaussian(std=0.4)], ids=lambda i: type(i).__name__)
def test_the_imbalance_of_factors_is_conserved_whatever_it_is(initialization):
    trajectory = gradient_flow(DEEP, start_of_deep(6, initialization), TIMES)
    start = [Q[0] for Q in trajectory.conserved]
    assert [Q.shape for Q in start] == [(4, 4), (4, 4)]
    size = max(float(jnp.abs(Q).max()) for Q in start)
    assert size < 1e-14 if isinstance(initialization, Balanced) else size > 0.1
    assert trajectory.drift.shape == TIMES.shape
    assert trajectory.drift.max() < 1e-8
    factors = trajectory.at(-1).representation
    assert max(float(jnp.abs(W - V).max()) for W, V in zip(factors, trajectory.at(0).representation, strict=True)) > 0.1
    np.testing.assert_array_equal(imbalance(factors)[0], factors[1].T @ factors[1] - factors[0] @ factors[0].T)


def test_a_loose_tolerance_is_seen_in_the_drift():
    params = start_of_deep(7, Balanced(std=0.5))
    tight, loose = (gradient_flow(DEEP, params, TIMES, rtol=rtol, atol=rtol) for rtol in (1e-10, 1e-3))
    assert loose.drift.max() > 100 * tight.drift.max()
    assert loose.num_steps < tight.num_steps


def test_values_are_arguments_of_the_compiled_program():
    traced = []

    class Counted(eqx.Module):
        center: jax.Array

        def __call__(self, x):
            traced.append(1)
            return jnp.sum((x - self.center) ** 2)

    for center in (0.0, 1.0, 2.0):
        end = flow(Counted(jnp.full(2, center)), jnp.zeros(2), [0, 20]).params[-1]
        np.testing.assert_allclose(end, center, atol=1e-9)
        traced.append(0)
    assert traced.index(0) > 0
    assert sum(traced[traced.index(0) :]) == 0


def test_bad_input_is_refused_with_advice():
    def bowl(x):
        return jnp.sum(x**2)

    with pytest.raises(ValueError, match=r"integrated in float64, got float32: call .*jax_enable_x64"):
        flow(bowl, jnp.ones(2, jnp.float32), [0, 1])
    for times in ([0.0], [1.0, 0.0], [0.0, 0.0], 1.0, [0.0, np.nan]):
        with pytest.raises(ValueError, match="at least two increasing numbers"):
            flow(bowl, jnp.ones(2), times)
    for params, trained in ((jnp.ones(2), False), ((), True)):
        with pytest.raises(ValueError, match="Nothing is trained"):
            flow(bowl, params, [0, 1], trained=trained)
    with pytest.raises(RuntimeError, match="max_steps"):
        flow(bowl, jnp.ones(2), [0, 1e6], max_steps=50)
