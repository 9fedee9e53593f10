import numpy as np
import pytest
from scipy.optimize import linprog

from matmend.methods.inpainting.gaps import THIN, find_gaps
from matmend.methods.inpainting.matching import matched_validation
from matmend.methods.inpainting.smooth import Biharmonic, TotalVariation
from matmend.methods.inpainting.stacking import Stack, learn, simplex_weights


def best_by_linear_program(Y, y, shares):
    """The least weighted absolute error over the simplex: minimise the sum of bounds on the residuals."""
    p, n = Y.shape
    cost = np.concatenate([np.zeros(n), shares])
    A = np.block([[Y, -np.eye(p)], [-Y, -np.eye(p)]])
    done = linprog(
        cost,
        A_ub=A,
        b_ub=np.concatenate([y, -y]),
        A_eq=np.concatenate([np.ones(n), np.zeros(p)])[None],
        b_eq=[1.0],
        bounds=(0, None),
    )
    assert done.success
    return done.fun


@pytest.mark.parametrize("seed", range(6))
def test_weights_are_nearly_those_of_the_linear_program(seed):
    rng = np.random.default_rng(seed)
    n, p = int(rng.integers(2, 9)), 200
    y = rng.random(p)
    Y = y[:, None] + rng.normal(size=(p, n)) * rng.uniform(0.02, 0.3, n) + rng.normal(size=n) * 0.05
    shares = rng.random(p)
    weights = simplex_weights(Y, y, shares)
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()
    least = best_by_linear_program(Y, y, shares)
    equal = shares @ np.abs(Y.mean(axis=1) - y)
    error = shares @ np.abs(Y @ weights - y)
    assert error <= 1.02 * least + 0.02 * (equal - least)


def test_weights_do_not_depend_on_the_unit():
    rng = np.random.default_rng(1)
    Y, y = rng.random((50, 4)), rng.random(50)
    np.testing.assert_allclose(simplex_weights(64 * Y, 64 * y), simplex_weights(Y, y), rtol=1e-9)


def test_perfect_and_lonely_candidates():
    y = np.linspace(0, 1, 20)
    assert simplex_weights(y[:, None], y).tolist() == [1.0]
    assert simplex_weights(np.stack([y, y], 1), y).tolist() == [0.5, 0.5]
    perfect = simplex_weights(np.stack([1 - y, y, y + 0.5], 1), y)
    assert perfect[1] > 0.95


def picture_and_gaps():
    rng = np.random.default_rng(0)
    X = (rng.random((6, 7, 3)) > 0.5).astype(np.float32).repeat(16, 0).repeat(16, 1)
    observed = np.ones(X.shape[:2], bool)
    observed[20:36, 40:60] = observed[70:73] = False
    return X, observed, find_gaps(observed)


def learned(fillers, seed=0):
    X, observed, gaps = picture_and_gaps()
    validation = matched_validation(X, observed, gaps, copies=4)
    filled = [[filler(X, shown) for filler in fillers] for shown in validation.shown(observed)]
    stack = learn(X, validation, filled, [filler.name for filler in fillers], gaps, seed=seed)
    return stack, [filler(X, observed) for filler in fillers], (X, observed, gaps)


def test_the_better_candidate_gets_most_and_the_expected_error_is_of_the_right_size():
    fillers = [TotalVariation(rounds=0), TotalVariation(), Biharmonic()]
    stack, filled, (X, observed, gaps) = learned(fillers)
    mixed = stack.combine(filled, X, observed, gaps)
    np.testing.assert_array_equal(mixed[observed], X[observed])
    for label in (1, THIN):
        at = gaps.labels == label
        errors = [np.abs(one - X)[at].mean() for one in filled]
        assert np.abs(mixed - X)[at].mean() <= np.mean(errors)
        assert 0 < stack.expected_mae[label] <= stack.expected_rmse[label] < 1
        assert sum(stack.weights[label]) == pytest.approx(1)
    assert "expected mean absolute error" in stack.words(1)
    assert stack.words(THIN).startswith("thin gaps: ")


def test_a_seed_fixes_the_weights():
    fillers = [TotalVariation(), Biharmonic()]
    first, second = learned(fillers, seed=3)[0], learned(fillers, seed=3)[0]
    assert set(first.weights) == {1, THIN}
    for label, weights in first.weights.items():
        np.testing.assert_array_equal(weights, second.weights[label])


def test_gaps_without_copies_get_the_usual_weights():
    X, observed, gaps = picture_and_gaps()
    validation = matched_validation(X, observed, gaps, copies=0, thin_masks=0)
    stack = learn(X, validation, [], ["a", "b"], gaps)
    assert {label: w.tolist() for label, w in stack.weights.items()} == {1: [0.5, 0.5], THIN: [0.5, 0.5]}
    assert np.isnan(stack.expected_mae[1])
    assert "no room" in stack.words(1)


def test_names_that_occur_twice_are_told_once():
    stack = Stack(("a", "b", "a"), {1: np.array([0.3, 0.35, 0.35])}, {1: 0.1}, {1: 0.2})
    assert stack.words(1) == "gap 1: 65 % a, 35 % b; expected mean absolute error 10 % of the range"


def test_missing_candidates_are_refused():
    X, observed, gaps = picture_and_gaps()
    validation = matched_validation(X, observed, gaps)
    with pytest.raises(ValueError, match="filled: expected"):
        learn(X, validation, [[X]], ["a", "b"], gaps)
