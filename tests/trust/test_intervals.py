"""Coverage of intervals where it is guaranteed, and what else they promise."""

from functools import partial

import numpy as np
import pytest

from matmend.methods import Recipe, registry
from matmend.methods.floors import mean
from matmend.representation import DeepFactorization
from matmend.trust import Constant, Uniform, intervals

column_means = partial(mean, axis=0)


def noisy(rng, shape=(24, 20)):
    """Rows of very different noise, and heavy tails."""
    return np.linspace(0, 3, shape[1]) + rng.standard_t(3, size=shape) * np.linspace(0.2, 2, shape[0])[:, None]


def covered(found, X, missing):
    return float(np.mean((found.lower <= X) & (found.upper >= X), where=missing))


def noise_known(fit):
    return np.broadcast_to(np.linspace(0.2, 2, fit.array.shape[0])[:, None], fit.array.shape)


@pytest.mark.parametrize("scale", [Constant(), noise_known])
def test_coverage_is_the_one_of_split_conformal_prediction(scale):
    excess = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        X = noisy(rng)
        mask = rng.random(X.shape) < 0.6
        found = intervals(X, mask, method=column_means, coverage=0.8, seed=seed, scale=scale, propensity=Uniform())
        k = found.calibration
        excess.append(covered(found, X, ~mask) - np.ceil(round((k + 1) * 0.8, 9)) / (k + 1))
    # The mean over replications is 0 exactly; four standard errors are some 0.015.
    error = float(np.std(excess) / np.sqrt(len(excess)))
    assert error < 0.005
    assert abs(np.mean(excess)) < 4 * error


def test_weights_make_up_for_entries_that_are_missing_where_it_is_harder():
    p = np.broadcast_to(np.linspace(0.9, 0.15, 24)[:, None], (24, 40))  # noisy rows are hardly observed

    def known(mask):
        return p * mask.mean() / p.mean()

    told = {name: [] for name in ("known", "uniform")}
    for seed in range(150):
        rng = np.random.default_rng(seed)
        X = noisy(rng, p.shape)
        mask = rng.random(p.shape) < p
        for name, model in (("known", known), ("uniform", Uniform())):
            found = intervals(
                X, mask, method=column_means, coverage=0.8, seed=seed, scale=Constant(), propensity=model,
                is_shaped=False,
            )  # fmt: skip
            told[name].append(covered(found, X, ~mask))
    error = 4 * np.std(told["known"]) / np.sqrt(150)
    assert 0.8 - error < np.mean(told["known"]) < 0.84 + error
    assert np.mean(told["uniform"]) < 0.75


def test_intervals_are_narrower_where_the_scale_knows_the_noise():
    rng = np.random.default_rng(0)
    X = noisy(rng, (120, 100))
    mask = rng.random(X.shape) < 0.6
    alike, told = (
        intervals(X, mask, method=column_means, scale=scale, propensity=Uniform())
        for scale in (Constant(), noise_known)
    )
    widths = np.mean(told.upper - told.lower, axis=1)
    assert np.ptp((alike.upper - alike.lower)[~mask]) < 1e-6
    assert np.mean((told.upper - told.lower)[~mask]) < 0.95 * np.mean((alike.upper - alike.lower)[~mask])
    assert widths[:10].mean() < 0.5 * widths[-10:].mean()


def test_zeros_and_ones_are_covered_too_often_unless_ties_are_broken():
    told = {False: [], True: []}
    for seed in range(60):
        rng = np.random.default_rng(seed)
        X = (rng.random((30, 30)) < 0.03).astype(float)
        mask = rng.random(X.shape) < 0.8
        for randomized, shares in told.items():
            found = intervals(X, mask, method="zeros", seed=seed, propensity=Uniform(), randomized=randomized)
            shares.append(covered(found, X, ~mask))
    assert np.mean(told[False]) > 0.95
    # One of some 70 calibration entries is the least excess there can be.
    error = 4 * np.std(told[True]) / np.sqrt(60)
    assert 0.9 - error < np.mean(told[True]) < 0.9 + 0.02 + error


def test_each_value_is_covered_in_its_own_cases_however_rare_it_is():
    told: dict[float, list[float]] = {0.0: [], 1.0: []}
    plain = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        X = (rng.random((40, 40)) < np.linspace(0.02, 0.3, 40)).astype(float)  # columns of very different shares
        mask = rng.random(X.shape) < 0.8
        found = intervals(
            X, mask, method=column_means, seed=seed, propensity=Uniform(), scale=Constant(), each_value=True
        )
        assert set(np.unique(found.lower)) | set(np.unique(found.upper)) <= {0.0, 1.0}
        for value, shares in told.items():
            shares.append(covered(found, X, ~mask & (value == X)))
        alike = intervals(X, mask, method=column_means, seed=seed, propensity=Uniform(), scale=Constant())
        plain.append(covered(alike, X, ~mask & (X == 1)))
    for shares in told.values():
        # Some twenty ones calibrate: the excess is a few hundredths, and the nearest value is always kept.
        assert np.mean(shares) > 0.9 - 4 * np.std(shares) / np.sqrt(60)
    assert np.mean(plain) < 0.7


@pytest.fixture(scope="module")
def low_rank():
    rng = np.random.default_rng(3)
    X = (rng.normal(size=(40, 2)) @ rng.normal(size=(2, 30)) + 0.1 * rng.normal(size=(40, 30))).astype(np.float32)
    return X, rng.random(X.shape) < 0.6


@pytest.mark.parametrize("method", ["iterative_svd", "glrl", "knn", "mean"])
def test_what_is_observed_stays_and_what_is_missing_lies_between_its_bounds(low_rank, method):
    X, mask = low_rank
    found = intervals(np.where(mask, X, np.nan), method=method)
    for part in (found.estimate, found.lower, found.upper):
        assert part.dtype == X.dtype
        np.testing.assert_array_equal(part[mask], X[mask])
    assert (found.lower < found.estimate)[~mask].all()
    assert (found.estimate < found.upper)[~mask].all()
    assert (found.scale > 0).all()
    assert covered(found, X, ~mask) > 0.75
    assert not (found.completion.mask & ~mask).any()
    assert found.calibration < mask.sum() - found.completion.mask.sum()


def test_the_same_seed_gives_the_same_bits_and_more_coverage_wider_intervals(low_rank):
    X, mask = low_rank
    one, two, more, other = (
        intervals(X, mask, method="knn", coverage=coverage, seed=seed)
        for coverage, seed in ((0.8, 1), (0.8, 1), (0.95, 1), (0.8, 2))
    )
    np.testing.assert_array_equal(one.lower, two.lower)
    np.testing.assert_array_equal(one.upper, two.upper)
    assert np.mean(more.upper - more.lower) > np.mean(one.upper - one.lower)
    assert not np.array_equal(one.lower, other.lower)


def test_intervals_go_with_the_unit_of_the_data(low_rank):
    X, mask = low_rank
    one, scaled = (intervals(c * X, mask, method="knn", coverage=0.8) for c in (1, 4))
    np.testing.assert_allclose(scaled.upper, 4 * one.upper, rtol=1e-5)


def test_what_is_hidden_is_never_looked_at(low_rank):
    X, mask = low_rank
    hidden = np.where(mask, X, 1e6).astype(np.float32)
    one, two = (intervals(data, mask, method="iterative_svd") for data in (X, hidden))
    np.testing.assert_array_equal(one.lower, two.lower)
    np.testing.assert_array_equal(one.upper, two.upper)


def test_holes_are_calibrated_in_their_shape_and_channels_by_themselves():
    rng = np.random.default_rng(0)
    y, x = np.indices((40, 40))
    picture = np.stack([np.sin(x / 5), 10 * np.sin(y / 4)], axis=2) + 0.01 * rng.normal(size=(40, 40, 2))
    mask = np.ones((40, 40), bool)
    mask[10:16, 12:20] = mask[25:30, 5:12] = False
    found = intervals(picture, mask, method="biharmonic")
    assert found.is_shaped
    assert found.estimate.shape == picture.shape
    widths = (found.upper - found.lower)[~mask]
    assert widths[:, 1].mean() > 3 * widths[:, 0].mean()
    rng_mask = rng.random(mask.shape) < 0.6
    assert not intervals(picture, rng_mask, method="biharmonic").is_shaped


def test_nothing_is_promised_of_a_column_of_which_nothing_is_known():
    rng = np.random.default_rng(0)
    X, mask = noisy(rng, (40, 30)), rng.random((40, 30)) < 0.8
    mask[:, 7] = False
    found = intervals(X, mask, method=column_means, is_shaped=False)
    widths = found.upper - found.lower
    assert np.isfinite(found.estimate).all()
    assert np.nanmedian(np.delete(widths, 7, axis=1)[~np.delete(mask, 7, axis=1)]) < widths[:, 7].min()


def test_a_recipe_is_a_method_too(low_rank):
    X, mask = low_rank
    recipe = Recipe("deep", DeepFactorization(2, 4), steps=100)
    found = intervals(X[:16, :12], mask[:16, :12], method=recipe, coverage=0.7, scale=Constant())
    assert found.completion.method == "deep"
    assert (found.lower <= found.upper).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"coverage": 90}, "0.9 covers"),
        ({"method": "no_such"}, "There is no method 'no_such'"),
        ({"fraction": 1.5}, "fraction"),
        ({"each_value": True}, "different values"),
        ({"mask": np.ones((40, 30), bool)}, "Nothing is missing"),
        ({"mask": np.ones((3, 30), bool)}, "shape"),
        ({"mask": np.arange(1200).reshape(40, 30) < 5}, "10 observed entries"),
    ],
)
def test_bad_input_is_refused(low_rank, arguments, message):
    X, mask = low_rank
    with pytest.raises(ValueError, match=message):
        intervals(X, **{"mask": mask, "method": "mean", **arguments})


def test_every_registered_method_has_intervals(low_rank):
    X, mask = low_rank
    for method in set(registry) - {"air", "dmf", "rdmf", "dmf_de", "patches", "navier_stokes", "fsr", "pnmc"}:
        found = intervals(X, mask, method=method, coverage=0.8)
        assert np.isfinite(found.upper).all(), method
