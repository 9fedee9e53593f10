import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from matmend.matrix import Dense
from matmend.regularizer import AdaptiveLaplacian, CoordinateNetwork, FreeLogits, RowSoftmin, TotalSoftmax
from matmend.regularizer.adaptive import ALL_PAIRS_LIMIT
from matmend.regularizer.affinity import linear_layer_uniform
from matmend.transform import Transpose

K, P = 5, 4
seeds = st.integers(0, 2**32 - 1)


def logits_and_features(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(K, K)), rng.normal(size=(K, P))


@settings(max_examples=25, deadline=None)
@given(seeds, st.floats(-50, 50))
def test_affinities_are_scipys_softmax_and_do_not_see_a_shift(seed, shift):
    w, _ = logits_and_features(seed)
    for logits in (jnp.asarray(w), jnp.asarray(w + shift)):
        rows, total = np.asarray(RowSoftmin()(logits)), np.asarray(TotalSoftmax()(logits))
        np.testing.assert_allclose(rows, softmax(-w, axis=1), rtol=1e-11)
        np.testing.assert_allclose(total, 2 * softmax(w), rtol=1e-11)
        np.testing.assert_allclose(rows.sum(axis=1), 1, rtol=1e-13)
        np.testing.assert_allclose(total.sum(), 2, rtol=1e-13)


@pytest.mark.parametrize("normalization", [RowSoftmin(), TotalSoftmax()], ids=lambda n: type(n).__name__)
def test_extreme_logits_stay_finite(normalization):
    w = jnp.array([[0.0, 1e4], [-1e4, 0.0]])
    affinity, pullback = jax.vjp(normalization, w)
    assert np.isfinite(affinity).all()
    assert np.isfinite(pullback(jnp.ones_like(w))[0]).all()


def test_at_equal_logits_the_total_form_is_half_k_times_weaker():
    _, X = logits_and_features(0)
    logits = jnp.full((K, K), 0.3)
    rows, total = (
        AdaptiveLaplacian(normalization=n).energy(logits, Dense(jnp.asarray(X))) for n in (RowSoftmin(), TotalSoftmax())
    )
    np.testing.assert_allclose(rows / total, K / 2, rtol=1e-12)


TOTAL = AdaptiveLaplacian(normalization=TotalSoftmax())
gradient_of_total = jax.jit(jax.grad(lambda w, X: TOTAL.energy(w, Dense(X))))


def terms_of_proposition_2(w, X):
    """`C` and `A'`; `C` as in the proof, `(XX' o I) 1 - XX'`: the statement has `1 (XX' o I) - XX'`, its transpose."""
    G = X @ X.T
    return np.diag(G)[:, None] - G, softmax(w)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_gradient_of_the_total_form_in_closed_form(seed):
    """With `A = A' + A''`: `tr(X'LX) = tr(C A)`, hence `dR/dW = (C + C') o A' - tr(C A) A'`, for any X and W."""
    w, X = logits_and_features(seed)
    C, A1 = terms_of_proposition_2(w, X)
    A = A1 + A1.T
    expected = (C + C.T) * A1 - np.trace(C @ A) * A1
    np.testing.assert_allclose(gradient_of_total(jnp.asarray(w), jnp.asarray(X)), expected, rtol=1e-10, atol=1e-13)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_proposition_2_as_printed_has_one_factor_2_too_many(seed):
    """Under Theorem 2 (rows of norm 1, symmetric W) the gradient is `2 C o A' - 2 tr(C A') A'`.

    The paper prints `2 C o A - 2 tr(C A') A'` with `A = A' + A'' = 2 A'`: its first term is twice too large, and so is
    the `4 C_kl` of the element-wise form `(2 Ca - 4 C_kl) A'_kl` in the proof of Theorem 2, which should read `2 C_kl`.
    The slip is in `d exp(W + W')`, which belongs to A.3's product form of the affinity and not to the sum `A' + A''`.
    """
    w, X = logits_and_features(seed)
    w, X = w + w.T, X / np.linalg.norm(X, axis=1, keepdims=True)
    C, A1 = terms_of_proposition_2(w, X)
    Ca = np.trace(C @ A1)
    gradient = np.asarray(gradient_of_total(jnp.asarray(w), jnp.asarray(X)))
    np.testing.assert_allclose(gradient, 2 * C * A1 - 2 * Ca * A1, rtol=1e-10, atol=1e-13)
    printed = 2 * C * (A1 + A1.T) - 2 * Ca * A1
    np.testing.assert_allclose(printed - gradient, 2 * C * A1, rtol=1e-9, atol=1e-13)
    # The logits may be shifted freely, so a gradient sums to 0; the printed one does not.
    np.testing.assert_allclose(gradient.sum(), 0, atol=1e-13)
    np.testing.assert_allclose(printed.sum(), 2 * Ca, rtol=1e-9)


def test_theorem_2_equal_rows_are_found_and_the_energy_dies_out():
    """Descent on the logits alone, from equal ones, rows of norm 1: `L_kl -> -2 / (k + 2 pairs)` on equal rows."""
    rng = np.random.default_rng(0)
    X = rng.uniform(0.1, 1, size=(4, 3))
    X[3] = X[1]
    X = jnp.asarray(X / np.linalg.norm(X, axis=1, keepdims=True))
    w = jax.jit(lambda w: jax.lax.fori_loop(0, 20_000, lambda _, w: w - 50.0 * gradient_of_total(w, X), w))(
        jnp.zeros((4, 4))
    )
    np.testing.assert_allclose(w, w.T, atol=1e-9)
    L = np.asarray(TOTAL.laplacian(w))
    gamma = 2 / (4 + 2 * 1)
    expected = np.zeros((4, 4))
    expected[1, 3] = expected[3, 1] = -gamma
    expected[1, 1] = expected[3, 3] = gamma
    np.testing.assert_allclose(L, expected, atol=2e-3)
    start = TOTAL.energy(jnp.zeros((4, 4)), Dense(X))
    assert 0 <= TOTAL.energy(w, Dense(X)) < 1e-3 * start


def test_logits_start_like_a_linear_layer():
    logits = np.asarray(AdaptiveLaplacian().init((100, 7), key=jax.random.key(0), dtype=jnp.float64))
    assert logits.shape == (100, 100)
    bound = 100**-0.5
    assert np.abs(logits).max() <= bound
    np.testing.assert_allclose(logits.std(), bound / np.sqrt(3), rtol=0.05)
    assert np.array_equal(logits, linear_layer_uniform(jax.random.key(0), (100, 100), jnp.float64))


def test_any_initializer_of_jax_serves():
    regularizer = AdaptiveLaplacian(Transpose(), logit_init=jax.nn.initializers.constant(0.25))
    logits = regularizer.init((3, 4), key=jax.random.key(0), dtype=jnp.float32)
    assert logits.shape == (4, 4)
    assert np.all(logits == 0.25)


def test_all_pairs_of_too_many_rows_are_refused():
    R = AdaptiveLaplacian()
    init = lambda rows: jax.eval_shape(lambda key: R.init((rows, 2), key=key, dtype=jnp.float32), jax.random.key(0))  # noqa: E731
    assert init(ALL_PAIRS_LIMIT).shape == (ALL_PAIRS_LIMIT, ALL_PAIRS_LIMIT)
    with pytest.raises(ValueError, match=rf"pairs of {ALL_PAIRS_LIMIT + 1} rows has 6.7e\+07 affinities.*in pieces"):
        init(ALL_PAIRS_LIMIT + 1)


def test_normalization_and_start_are_those_of_the_free_logits():
    start = jax.nn.initializers.constant(0.25)
    assert AdaptiveLaplacian() == AdaptiveLaplacian(affinity=FreeLogits())
    short = AdaptiveLaplacian(Transpose(), TotalSoftmax(), start)
    assert short == AdaptiveLaplacian(Transpose(), affinity=FreeLogits(TotalSoftmax(), start))


@pytest.mark.parametrize(
    "also",
    [{"normalization": RowSoftmin()}, {"logit_init": jax.nn.initializers.zeros}],
    ids=lambda also: next(iter(also)),
)
def test_an_affinity_and_what_belongs_to_another_are_refused(also):
    with pytest.raises(ValueError, match="CoordinateNetwork replaces the free logits"):
        AdaptiveLaplacian(affinity=CoordinateNetwork(), **also)
