import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity
from sklearn.metrics import average_precision_score, roc_auc_score

from matmend.metrics import auc, aupr, mae, nmae, psnr, rmse, ssim

RNG = np.random.default_rng(0)
SHAPE = (12, 15)
TRUTH, GUESS = RNG.random(SHAPE), RNG.random(SHAPE)
MASK = RNG.random(SHAPE) > 0.4

values = st.floats(-1e3, 1e3, width=32)
pairs = hnp.array_shapes(min_dims=2, max_dims=2, max_side=6).flatmap(
    lambda shape: st.tuples(
        hnp.arrays(np.float64, shape, elements=values),
        hnp.arrays(np.float64, shape, elements=values),
        hnp.arrays(np.bool_, shape),
    )
)


def scorable(triple):
    """Nmae is defined: something is unobserved and the range is not lost in rounding."""
    _, truth, mask = triple
    return not mask.all() and np.ptp(truth) > 1e-3


# nmae


def test_nmae_of_a_constant_offset_is_the_offset_over_the_range():
    truth = np.array([[0.0, 4.0], [1.0, 3.0]])
    assert nmae(truth + 0.5, truth, np.array([[True, False], [False, True]])) == 0.125


def test_nmae_range_is_taken_over_observed_entries_too():
    truth = np.array([[0.0, 10.0], [1.0, 2.0]])
    mask = np.array([[True, True], [False, False]])  # the range of the unobserved entries alone would be 1
    assert nmae(np.zeros((2, 2)), truth, mask) == pytest.approx((1 + 2) / 2 / 10, rel=1e-15)


def test_nmae_is_a_python_float_also_for_float32_and_integers():
    for dtype in (np.float32, np.uint8):
        result = nmae(np.array([[1, 2]], dtype=dtype), np.array([[3, 1]], dtype=dtype), np.array([[True, False]]))
        assert type(result) is float
        assert result == 0.5  # with 8 bit wrap-around it would be 127.5


def test_nmae_of_colour_with_one_mask_equals_the_mask_repeated_per_channel():
    guess, truth = RNG.random((2, 5, 6, 3))
    mask = RNG.random((5, 6)) > 0.5
    assert nmae(guess, truth, mask) == nmae(guess, truth, np.repeat(mask[:, :, None], 3, axis=2))
    expected = np.abs(guess - truth)[~mask].mean() / (truth.max() - truth.min())
    assert nmae(guess, truth, mask) == pytest.approx(expected, rel=1e-14)


@settings(deadline=None, max_examples=50)
@given(pairs.filter(scorable), st.floats(0.1, 10), st.floats(-10, 10))
def test_nmae_does_not_depend_on_unit_or_origin_of_the_values(triple, scale, shift):
    guess, truth, mask = triple
    before = nmae(guess, truth, mask)
    after = nmae(scale * guess + shift, scale * truth + shift, mask)
    assert after == pytest.approx(before, rel=1e-6, abs=1e-8)


@settings(deadline=None, max_examples=50)
@given(pairs.filter(scorable), values)
def test_nmae_does_not_look_at_observed_entries_of_the_guess(triple, other):
    guess, truth, mask = triple
    assert nmae(np.where(mask, other, guess), truth, mask) == nmae(guess, truth, mask)
    assert nmae(np.where(mask, np.nan, guess), truth, mask) == nmae(guess, truth, mask)


@settings(deadline=None, max_examples=50)
@given(pairs.filter(scorable))
def test_nmae_is_zero_exactly_for_a_perfect_completion_and_blind_to_transposition(triple):
    guess, truth, mask = triple
    assert nmae(truth, truth, mask) == 0
    assert (nmae(guess, truth, mask) == 0) == np.array_equal(guess[~mask], truth[~mask])
    assert nmae(guess.T, truth.T, mask.T) == pytest.approx(nmae(guess, truth, mask), rel=1e-12)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((GUESS, TRUTH[:-1], MASK), r"one non-empty shape, got \(12, 15\) and \(11, 15\)"),
        ((GUESS, TRUTH, MASK[:-1]), r"mask: expected shape \(12, 15\) as X_true, got \(11, 15\)"),
        ((GUESS, TRUTH, MASK.astype(int)), r"mask: expected booleans, got dtype int64; pass mask.astype\(bool\)"),
        (
            (GUESS, TRUTH, np.ones(SHAPE, dtype=bool)),
            r"mask: expected an unobserved entry \(False\), got none; hide some",
        ),
        ((GUESS, np.full(SHAPE, 0.25), MASK), r"two different values, got 0.25 everywhere; use mae"),
        ((np.full(SHAPE, np.nan), TRUTH, MASK), r"X_hat: expected finite values .* did the fit diverge"),
        ((GUESS, np.where(MASK, np.inf, TRUTH), MASK), r"X_true: expected finite values"),
        ((GUESS + 1j, TRUTH, MASK), r"X_hat: expected real numbers, got dtype complex128"),
        ((GUESS, TRUTH.astype(str), MASK), r"X_true: expected real numbers"),
        ((np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 3), dtype=bool)), r"non-empty shape"),
    ],
)
def test_nmae_says_what_is_wrong(args, message):
    with pytest.raises(ValueError, match=message):
        nmae(*args)


def test_colour_mask_of_the_wrong_size_names_both_shapes_it_could_have():
    with pytest.raises(ValueError, match=r"expected shape \(4, 5, 3\) or \(4, 5\) as X_true, got \(5, 4\)"):
        nmae(np.zeros((4, 5, 3)), np.ones((4, 5, 3)), np.zeros((5, 4), dtype=bool))


# mae, rmse


def test_mae_and_rmse_by_hand():
    guess, truth = np.array([1.0, 2.0, 3.0]), np.array([1.0, 5.0, -1.0])
    assert mae(guess, truth) == pytest.approx(7 / 3, rel=1e-15)
    assert rmse(guess, truth) == pytest.approx(math.sqrt(25 / 3), rel=1e-15)
    assert mae(guess, truth, where=[False, True, False]) == rmse(guess, truth, where=[False, True, False]) == 3


def test_rmse_squared_is_the_mean_squared_error_of_scikit_image():
    assert rmse(GUESS, TRUTH) ** 2 == pytest.approx(mean_squared_error(TRUTH, GUESS), rel=1e-14)


def test_nmae_is_mae_of_the_unobserved_entries_over_the_range():
    assert nmae(GUESS, TRUTH, MASK) * np.ptp(TRUTH) == pytest.approx(mae(GUESS, TRUTH, where=~MASK), rel=1e-15)


@settings(deadline=None, max_examples=50)
@given(pairs)
def test_mae_rmse_and_the_largest_error_are_in_order(triple):
    guess, truth, _ = triple
    slack = 1 + 1e-12
    assert 0 <= mae(guess, truth) <= rmse(guess, truth) * slack
    assert rmse(guess, truth) <= np.abs(guess - truth).max() * slack + 1e-150  # squares below 1e-300 vanish


@settings(deadline=None, max_examples=50)
@given(pairs.filter(lambda triple: triple[2].any() and not triple[2].all()))
def test_errors_of_a_set_and_its_complement_make_up_the_whole(triple):
    guess, truth, where = triple
    share = where.mean()
    parts = share * mae(guess, truth, where) + (1 - share) * mae(guess, truth, ~where)
    assert parts == pytest.approx(mae(guess, truth), rel=1e-9)
    squares = share * rmse(guess, truth, where) ** 2 + (1 - share) * rmse(guess, truth, ~where) ** 2
    assert squares == pytest.approx(rmse(guess, truth) ** 2, rel=1e-9)


@pytest.mark.parametrize("metric", [mae, rmse])
def test_entries_outside_where_may_be_unknown(metric):
    truth = np.where(MASK, TRUTH, np.nan)
    assert metric(GUESS, truth, where=MASK) == metric(GUESS, TRUTH, where=MASK)
    with pytest.raises(ValueError, match="X_true: expected finite values"):
        metric(GUESS, truth)


@pytest.mark.parametrize("metric", [mae, rmse])
def test_selecting_nothing_is_an_error(metric):
    with pytest.raises(ValueError, match="where: expected at least one True entry"):
        metric(GUESS, TRUTH, where=np.zeros(SHAPE, dtype=bool))


# psnr


@pytest.mark.parametrize("data_range", [1.0, 255.0])
@pytest.mark.parametrize("shape", [SHAPE, (9, 8, 3)])
def test_psnr_equals_scikit_image(shape, data_range):
    guess, truth = data_range * RNG.random((2, *shape))
    expected = peak_signal_noise_ratio(truth, guess, data_range=data_range)
    assert psnr(guess, truth, data_range=data_range) == pytest.approx(expected, rel=1e-13)


def test_psnr_drops_by_20_decibel_when_the_error_grows_tenfold():
    first = psnr(TRUTH + 0.01 * GUESS, TRUTH)
    assert first - psnr(TRUTH + 0.1 * GUESS, TRUTH) == pytest.approx(20, abs=1e-10)


def test_psnr_of_equal_arrays_is_infinite_without_a_warning():
    assert psnr(TRUTH, TRUTH) == math.inf


# ssim


@pytest.mark.parametrize(("a", "b"), [(0.25, 0.75), (0.5, 0.5), (0.0, 1.0)])
def test_ssim_of_two_flat_images_is_the_luminance_term(a, b):
    c1 = 0.01**2
    expected = (2 * a * b + c1) / (a * a + b * b + c1)
    assert ssim(np.full((9, 9), a), np.full((9, 9), b)) == pytest.approx(expected, abs=1e-12)


def test_ssim_of_a_single_window_is_its_formula():
    guess, truth = RNG.random((2, 7, 7))
    c1, c2 = 0.01**2, 0.03**2
    cov = np.cov(guess.ravel(), truth.ravel())
    mean, other = guess.mean(), truth.mean()
    expected = (2 * mean * other + c1) * (2 * cov[0, 1] + c2)
    expected /= (mean**2 + other**2 + c1) * (cov[0, 0] + cov[1, 1] + c2)
    assert ssim(guess, truth) == pytest.approx(expected, rel=1e-10)


def test_ssim_is_one_for_equal_images_symmetric_and_free_of_the_unit():
    assert ssim(TRUTH, TRUTH) == pytest.approx(1, abs=1e-12)
    assert ssim(GUESS, TRUTH) == pytest.approx(ssim(TRUTH, GUESS), abs=1e-14)
    assert ssim(255 * GUESS, 255 * TRUTH, data_range=255) == pytest.approx(ssim(GUESS, TRUTH), abs=1e-12)


def test_ssim_of_colour_is_the_mean_over_channels():
    guess, truth = RNG.random((2, 10, 11, 3))
    channels = [structural_similarity(guess[..., c], truth[..., c], data_range=1.0) for c in range(3)]
    assert ssim(guess, truth) == pytest.approx(np.mean(channels), abs=1e-12)
    assert type(ssim(guess, truth)) is float


@pytest.mark.parametrize("shape", [(6, 20), (20, 6, 3), (49,), (8, 8, 3, 2)])
def test_ssim_asks_for_an_image_as_large_as_its_window(shape):
    with pytest.raises(ValueError, match=r"expected images .* >= 7"):
        ssim(np.zeros(shape), np.ones(shape))


def test_ssim_refuses_a_diverged_image():
    with pytest.raises(ValueError, match="X_hat: expected finite values"):
        ssim(np.full(SHAPE, np.inf), TRUTH)


@pytest.mark.parametrize("metric", [psnr, ssim])
@pytest.mark.parametrize("data_range", [0.0, -1.0, np.nan, np.inf])
def test_data_range_must_be_positive(metric, data_range):
    with pytest.raises(ValueError, match="data_range: expected a number > 0"):
        metric(GUESS, TRUTH, data_range=data_range)


# auc, aupr

labelled = st.integers(2, 40).flatmap(
    lambda size: st.tuples(
        hnp.arrays(np.float64, size, elements=st.sampled_from([-1e300, -2.0, 0.0, 0.25, 0.5, 1.0, 1e300])),  # many ties
        hnp.arrays(np.bool_, size),
    )
)


@settings(deadline=None, max_examples=200)
@given(labelled.filter(lambda pair: pair[1].any()))
def test_aupr_is_the_average_precision_of_scikit_learn_also_with_ties(pair):
    score, truth = pair
    assert aupr(score, truth) == pytest.approx(average_precision_score(truth, score), rel=1e-12)


@settings(deadline=None, max_examples=200)
@given(labelled.filter(lambda pair: pair[1].any() and not pair[1].all()))
def test_auc_is_that_of_scikit_learn_also_with_ties(pair):
    score, truth = pair
    assert auc(score, truth) == pytest.approx(roc_auc_score(truth, score), rel=1e-12, abs=1e-15)


@settings(deadline=None, max_examples=50)
@given(labelled.filter(lambda pair: pair[1].any() and not pair[1].all()))
def test_auc_is_the_share_of_pairs_in_the_right_order(pair):
    score, truth = pair
    positive, negative = score[truth][:, None], score[~truth][None, :]
    share = np.mean((positive > negative) + 0.5 * (positive == negative))
    assert auc(score, truth) == pytest.approx(share, rel=1e-12, abs=1e-15)
    assert auc(-score, truth) == pytest.approx(1 - share, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("metric", [auc, aupr])
def test_only_the_order_of_scores_counts_and_only_where_asked(metric):
    truth = np.where(MASK, TRUTH > 0.7, np.nan)
    expected = metric(GUESS[MASK], TRUTH[MASK] > 0.7)
    assert metric(np.where(MASK, np.exp(3 * GUESS), np.inf), truth, MASK) == expected
    assert type(expected) is float
    with pytest.raises(ValueError, match="truth: expected finite values"):
        metric(GUESS, truth)


def test_a_constant_score_has_half_the_area_and_the_share_of_ones_as_precision():
    truth = TRUTH > 0.8
    assert auc(np.zeros(SHAPE), truth) == 0.5
    assert aupr(np.zeros(SHAPE), truth) == pytest.approx(truth.mean(), rel=1e-15)
    assert auc(truth, truth) == aupr(truth, truth) == 1


@pytest.mark.parametrize("metric", [auc, aupr])
@pytest.mark.parametrize(
    ("args", "message"),
    [
        (([0.1, 0.2], [0, 2]), "truth: expected 0 and 1 where it counts, got other numbers"),
        (([0.1, 0.2], [0, 0]), r"truth: expected a positive entry \(1\) where it counts, got none"),
        (([0.1, 0.2], [0, 1, 1]), r"expected score and truth of one non-empty shape, got \(2,\) and \(3,\)"),
        (([0.1, np.nan], [0, 1]), "score: expected finite values"),
        (([0.1, 0.2j], [0, 1]), "score: expected real numbers"),
        (([0.1, 0.2], [0, 1], [1, 1]), "where: expected booleans"),
        (([0.1, 0.2], [0, 1], [False, False]), "where: expected at least one True entry"),
    ],
)
def test_ranking_metrics_say_what_is_wrong(metric, args, message):
    with pytest.raises(ValueError, match=message):
        metric(*args)


def test_without_negative_entries_only_auc_is_undefined():
    assert aupr([0.1, 0.2], [1, 1]) == 1
    with pytest.raises(ValueError, match=r"truth: expected a negative entry \(0\) where it counts, got none"):
        auc([0.1, 0.2], [1, 1])
