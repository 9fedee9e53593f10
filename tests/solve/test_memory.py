"""Steps and sweeps on a list of entries form neither the matrix nor an array of entries times rank."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh

from matmend.observation import ArrangedEntries, Entries
from matmend.problem import Problem
from matmend.regularizer import FactorPrior, Features
from matmend.representation import Biased, DeepFactorization
from matmend.segments import layout
from matmend.segments.sums import AXIS
from matmend.solve import SweepData, adam, init, step
from matmend.solve.sweeps import start, sweep
from tests._jaxpr import shapes

M, N, E, RANK = 4001, 3001, 400_000, 4
R = RANK + 2  # two columns carry the biases
# Entries are padded to whole segments; with these degrees (100 and 133 on the average) by less than a half.
MOST = 3 * E // 2


@pytest.fixture(scope="module")
def entries():
    """Rows and columns of about equally many entries."""
    rng = np.random.default_rng(0)
    rows, cols = rng.integers(0, M, E), rng.integers(0, N, E)
    return Entries.from_triplets(rows, cols, rng.normal(size=E).astype(np.float32), shape=(M, N))


@pytest.fixture(scope="module", params=[False, True], ids=["no-mesh", "mesh"])
def data(request, entries):
    mesh = Mesh(np.array(jax.devices()[:1]), (AXIS,)) if request.param else None
    return SweepData.from_entries(entries, mesh)


def problem(observation, data, depth=2):
    rows, cols = (
        eqx.filter_eval_shape(Features.pattern, *pair)
        for pair in ((data.by_row, data.by_col), (data.by_col, data.by_row))
    )
    prior = FactorPrior(axis=0, width=R, features=rows) + FactorPrior(axis=1, width=R, features=cols)
    return Problem(observation, Biased(DeepFactorization(depth=depth, width=RANK)), 1e-3 * prior)


def arranged(entries, data):
    listed = {name: getattr(entries, name) for name in ("rows", "cols", "values", "weights", "normalizer", "shape")}
    return ArrangedEntries(by_row=data.by_row, by_col=data.by_col, **listed)


def shapes_of_a_step(problem, batch_size=None):
    state = eqx.filter_eval_shape(init, problem, adam(), key=jax.random.key(0))
    return shapes(lambda problem, state: step(problem, adam(), state, batch_size=batch_size), problem, state)


def assert_thin(found, most):
    assert most < M * N
    assert {s for s in found if math.prod(s) > most or {M, N} <= set(s)} == set()


def test_the_bound_leaves_no_room_for_entries_times_rank():
    assert MOST < E * RANK
    # What a block holds, and what factors take, is small beside it: the bound says something about the entries.
    assert layout.ENTRIES_A_BLOCK * R < MOST / 4
    assert (M + N) * R < MOST / 4


@pytest.mark.parametrize("depth", [2, 3])
def test_a_step_on_all_entries(entries, data, depth):
    found = shapes_of_a_step(problem(arranged(entries, data), data, depth))
    assert (M, R) in found  # the check looks inside
    assert_thin(found, MOST)


def test_a_sweep(entries, data):
    solved = problem(entries, data)
    state = eqx.filter_eval_shape(start, solved, key=jax.random.key(0))
    found = shapes(sweep, solved.regularizer, data, state, jnp.ones((), jnp.float32))
    # Matrices of the systems, for the rows of a block at a time only.
    assert any(s[-2:] == (R, R) and len(s) == 3 for s in found)
    assert (M, R, R) not in found
    assert_thin(found, MOST)


def test_a_step_on_a_batch(entries, data):
    found = shapes_of_a_step(problem(entries, data), batch_size=1000)
    assert (1000, R) in found
    assert_thin(found, MOST)


def test_the_check_sees_what_reading_all_entries_at_once_holds(entries, data):
    found = shapes_of_a_step(problem(entries, data))
    assert (E, R) in found


def test_the_check_sees_the_matrix(entries):
    X = Biased(DeepFactorization(depth=2, width=RANK))
    params = eqx.filter_eval_shape(X.init, entries.shape, key=jax.random.key(0), dtype=jnp.float32)
    in_a_loop = shapes(
        lambda params: jax.lax.map(lambda c: jnp.sum(c * (X(params).U @ X(params).V.T)), jnp.ones(2, jnp.float32)),
        params,
    )
    with pytest.raises(AssertionError):
        assert_thin(in_a_loop, MOST)
