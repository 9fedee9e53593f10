"""Models of missingness against the probabilities that masks were drawn from."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from matmend.trust import LocalDensity, LowRank, RowsColumns, Uniform
from matmend.trust.propensity import LEAST, odds_missing

MODELS = (Uniform(), RowsColumns(), LowRank(2), LocalDensity(4))


def drawn(p, seed=0):
    return np.random.default_rng(seed).random(p.shape) < p


def error(model, p):
    return float(np.sqrt(np.mean((model(drawn(p)) - p) ** 2)))


def rows_and_columns(spread, shape=(80, 100)):
    rng = np.random.default_rng(1)
    return expit(-0.5 + spread * rng.normal(size=(shape[0], 1)) + spread * rng.normal(size=(1, shape[1])))


def test_the_model_of_what_is_at_hand_is_the_best():
    smooth = np.broadcast_to(0.5 + 0.4 * np.sin(np.arange(100) / 16), (80, 100))
    groups = np.kron([[0.9, 0.3], [0.2, 0.7]], np.ones((40, 50)))
    cases = {RowsColumns(): rows_and_columns(1.0), LowRank(2): groups, LocalDensity(4): smooth}
    for best, p in cases.items():
        errors = {model: error(model, p) for model in (Uniform(), best)}
        assert errors[best] < 0.4 * errors[Uniform()]
    assert error(LowRank(2), groups) < 0.7 * error(RowsColumns(), groups)


def test_rows_and_columns_that_do_not_differ_are_not_told_apart():
    p = np.full((60, 70), 0.4)
    naive = drawn(p).mean(axis=1).std()
    assert np.std(RowsColumns()(drawn(p))) < 0.5 * naive


def test_offsets_are_those_of_penalised_logistic_regression():
    # Rows alone differ, so that the model is a regression on indicators; its ridge is what EM found.
    p = np.broadcast_to(expit(np.linspace(-2, 2, 12))[:, None], (12, 300))
    mask = drawn(p)
    found = RowsColumns()(mask).mean(axis=1)
    logits = np.log(found / (1 - found))
    design = np.kron(np.eye(12), np.ones((300, 1)))
    fit = LogisticRegression(C=float(np.var(logits)), tol=1e-8).fit(design, mask.ravel())
    np.testing.assert_allclose(found, fit.predict_proba(np.eye(12))[:, 1], atol=0.01)


@pytest.mark.parametrize("model", MODELS)
def test_probabilities_are_inside_the_unit_interval_even_of_extreme_masks(model):
    hollow = np.zeros((20, 15), bool)
    hollow[:, :3] = True
    hollow[4] = False
    single = np.zeros((20, 15), bool)
    single[0, 0] = True
    for mask in (hollow, single, ~single):
        p = model(mask)
        assert p.shape == mask.shape
        assert (p >= LEAST).all()
        assert (p <= 1 - LEAST).all()


@pytest.mark.parametrize("share", [0.85, 0.95])
def test_odds_undo_the_share_that_was_held_out(share):
    p = rows_and_columns(0.8, (300, 400))
    seen = drawn(p)
    train = seen & (np.random.default_rng(2).random(p.shape) < share)
    odds = odds_missing(RowsColumns(), train, share)
    assert np.median(np.abs(np.log(odds * p / (1 - p)))) < 0.15


@pytest.mark.parametrize("make", [lambda: LowRank(0), lambda: LowRank(1, 0.0), lambda: LocalDensity(0.0)])
def test_settings_out_of_range_are_refused(make):
    with pytest.raises(ValueError, match="xpected"):
        make()
