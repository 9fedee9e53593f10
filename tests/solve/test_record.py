"""Records: which rows, and what is in them."""

from typing import Any

import jax
import numpy as np
import pytest

from matmend.fidelity import Huber
from matmend.observation import Masked
from matmend.problem import Problem, Terms
from matmend.regularizer import FivePointLaplacian, GivenLaplacian, TotalVariation
from matmend.representation import DeepFactorization, Direct, ScaledIdentity
from matmend.solve import Result, State, adam, losses, solve, with_errors, with_spectrum

KEY = jax.random.key(0)
VALUES = np.random.default_rng(1).normal(size=(5, 4))


def with_params(problem: Problem, state: State, terms: Terms) -> dict[str, Any]:
    return {**losses(problem, state, terms), "X": problem.matrix(state.params).dense(), "nested": (state.step + 1,)}


def test_first_row_at_step_0_then_every_so_many_and_the_last_at_the_end():
    problem = Problem(Masked.from_array(VALUES), Direct())
    for max_steps, wanted in [(0, [0]), (3, [0, 3]), (4, [0, 4]), (10, [0, 4, 8, 10]), (12, [0, 4, 8, 12])]:
        solution = solve(problem, adam(1e-2), key=KEY, max_steps=max_steps, every=4)
        assert solution.record["step"].tolist() == wanted
        assert solution.record["step"].dtype == np.int32
        assert int(solution.state.step) == max_steps
        assert solution.result == Result.max_steps


def test_losses_are_the_terms_of_the_objective_at_the_recorded_parameters():
    values = np.where(np.arange(20).reshape(5, 4) % 7 == 3, np.nan, VALUES)
    observed = Masked.from_array(values)
    problem = Problem(
        observed,
        Direct(scale=1.0),
        0.1 * GivenLaplacian(np.ones((5, 5))) + 0.5 * TotalVariation() + 0.2 * FivePointLaplacian(),
        heldout=Masked.from_array(VALUES, np.isnan(values)),
    )
    record = solve(problem, adam(1e-1), key=KEY, max_steps=6, every=3, record=with_params).record
    assert set(record) == {"step", "loss", "fidelity", "energies", "heldout", "X", "nested"}
    assert record["X"].shape == (3, 5, 4)
    assert record["nested"][0].tolist() == [1, 4, 7]
    # One array per regularizer, in their order and without their weights.
    assert [energy.shape for energy in record["energies"]] == [(3,)] * 3
    for i, X in enumerate(record["X"]):
        seen = ~np.isnan(values)
        centred = X - X.mean(axis=0)  # on the complete graph tr(X' L X) is m times the squared norm of the centred rows
        down, right = np.zeros_like(X), np.zeros_like(X)
        down[:-1], right[:, :-1] = np.diff(X, axis=0), np.diff(X, axis=1)
        D = X[:-2, 1:-1] + X[2:, 1:-1] + X[1:-1, :-2] + X[1:-1, 2:] - 4 * X[1:-1, 1:-1]
        energies = 5 * np.sum(centred**2), np.sum(np.hypot(down, right)), np.linalg.norm(D) / 5
        fidelity = np.mean((X - VALUES)[seen] ** 2)
        np.testing.assert_allclose([energy[i] for energy in record["energies"]], energies, rtol=1e-12)
        np.testing.assert_allclose(record["fidelity"][i], fidelity, rtol=1e-12)
        np.testing.assert_allclose(record["heldout"][i], np.mean((X - VALUES)[~seen] ** 2), rtol=1e-12)
        np.testing.assert_allclose(record["loss"][i], fidelity + np.dot([0.1, 0.5, 0.2], energies), rtol=1e-12)
    assert record["loss"][2] < record["loss"][0]


def test_without_heldout_and_regularizer_their_columns_are_absent_or_empty():
    record = solve(Problem(Masked.from_array(VALUES), Direct()), adam(1e-2), key=KEY, max_steps=2, every=1).record
    assert set(record) == {"step", "loss", "fidelity", "energies"}
    assert record["energies"] == ()
    np.testing.assert_array_equal(record["loss"], record["fidelity"])


@pytest.mark.parametrize("width", [None, 1], ids=["dense", "low-rank"])
def test_with_spectrum_against_numpy(width: int | None):
    def both(problem: Problem, state: State, terms: Terms) -> dict[str, Any]:
        return {**with_spectrum(problem, state, terms), "X": problem.matrix(state.params).dense()}

    representation = DeepFactorization(depth=2, width=width, initialization=ScaledIdentity(0.5))
    problem = Problem(Masked.from_array(VALUES), representation)
    record = solve(problem, adam(5e-2), key=KEY, max_steps=20, every=10, record=both).record
    assert record["sigma"].shape == (3, 4 if width is None else 1)
    for X, sigma, effective_rank in zip(record["X"], record["sigma"], record["effective_rank"], strict=True):
        wanted = np.linalg.svd(X, compute_uv=False)
        np.testing.assert_allclose(sigma, wanted[: len(sigma)], atol=1e-12)
        p = sigma / sigma.sum()
        np.testing.assert_allclose(effective_rank, np.exp(-np.sum(p * np.log(p))), rtol=1e-10)


def test_with_errors_are_root_mean_squares_in_the_units_of_the_values():
    # Not touched by what the fidelity is, by what divides it, nor by the regularizer.
    rng = np.random.default_rng(5)
    mask, weights = rng.random((5, 4)) < 0.6, rng.uniform(0.5, 2.0, (5, 4))
    observed = Masked.from_array(VALUES, mask, weights=weights, normalizer=7.0)
    problem = Problem(observed, Direct(scale=1.0), 0.1 * TotalVariation(), Huber(0.3), Masked.from_array(VALUES, ~mask))
    solution = solve(problem, adam(1e-2), key=KEY, max_steps=5, every=5, record=with_errors)
    square = (np.asarray(solution.X.dense()) - VALUES) ** 2
    wanted = np.sqrt(np.average(square[mask], weights=weights[mask])), np.sqrt(np.mean(square[~mask]))
    np.testing.assert_allclose(solution.record["rmse"][-1], wanted[0], rtol=1e-12)
    np.testing.assert_allclose(solution.record["heldout_rmse"][-1], wanted[1], rtol=1e-12)
    assert solution.record["rmse"].shape == (2,)


def test_no_record_made_gives_empty_columns_that_can_be_joined():
    problem = Problem(Masked.from_array(VALUES), Direct(), 0.1 * TotalVariation())
    first = solve(problem, adam(1e-2), key=KEY, max_steps=4, every=2)
    again = solve(problem, adam(1e-2), key=KEY, max_steps=4, every=2, state=first.state)
    joined = jax.tree.map(lambda *columns: np.concatenate(columns), first.record, again.record)
    assert jax.tree.map(np.shape, joined) == jax.tree.map(np.shape, first.record)
    assert again.record["step"].shape == (0,)
    assert again.record["energies"][0].dtype == first.record["energies"][0].dtype
