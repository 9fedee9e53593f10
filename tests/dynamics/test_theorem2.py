"""Theorem 2 and Corollary 1 of AIR-Net: the flow of a graph's logits at a fixed matrix, from equal logits.

With ``C_kl = |x_k - x_l|^2 / 2`` (which is the paper's ``C`` where all rows have norm 1), ``n_0 = m + 2 k`` the number
of entries with ``C_kl = 0`` (the diagonal, and ``k`` unordered pairs of equal rows twice), and ``n_1 = m^2 - n_0``.

What holds of the printed theorem: the logits stay symmetric; the limit, with the sign of the off-diagonal entries
turned (``-gamma`` on equal pairs: a Laplacian is ``D - A``) and rows of ``T(X)`` where it says columns.

What does not hold: any exponential rate. The proof bounds ``A'_kl(t)`` from below by ``A'_kl(0)``, but it falls, and
with it the speed of ``w_kl``. In place of the three rates and of Corollary 1:

* exactly, ``1 / A'_kl(t) = alpha(t) + beta(t) C_kl``: the flow lives on a curve that the two numbers describe, with
  ``beta >= 2 t`` and ``n_0 <= alpha <= m^2``;
* ``2 / (m^2 (1 + 2 m^2 C_kl t / n_0^2)) <= |L_kl| <= 2 / (n_0 + 2 C_kl t)`` on unequal pairs;
* ``gamma - |L_kl| = sum_{unequal} |L| / n_0`` on equal pairs: n_1 / n_0 times the *mean* error of the unequal ones, so
  that equal pairs are usually the slower, not the faster;
* ``R_0 / (1 + 2 R_0 t) <= R(t) <= R_0 / (1 + n_0 R_0 t / (m^2 n_1))``, and ``t R(t) -> n_0 n_1 / m^2``, whatever the
  matrix.

Norms of 1 and positive entries are not needed.
"""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import softmax

from matmend.dynamics import flow
from matmend.matrix import Dense
from matmend.regularizer import AdaptiveLaplacian, TotalSoftmax

TOTAL = AdaptiveLaplacian(normalization=TotalSoftmax())
GROUPS = np.array([0, 0, 0, 1, 1, 2, 3])  # rows with one number are equal
K = 3 + 1  # unordered pairs of them
M = len(GROUPS)
EQUAL = np.equal.outer(GROUPS, GROUPS)
DIAGONAL = np.eye(M, dtype=bool)
C1, C2 = ~EQUAL, EQUAL & ~DIAGONAL
N0 = M + 2 * K
N1 = M**2 - N0
GAMMA = 2 / N0
# Later than 1e7 the rounding of C_kl on equal pairs, 1e-16 in place of 0, is felt.
TIMES = np.r_[0, np.logspace(-1, 7, 25)]

# "any" has rows of any norm and entries of both signs.
pytestmark = pytest.mark.parametrize("kind", ["of the theorem", "any"])


def rows_of(kind):
    rng = np.random.default_rng(0)
    if kind == "any":
        return rng.normal(size=(M, 3))[GROUPS]
    X = rng.uniform(0.1, 1, size=(M, 3))[GROUPS]
    return X / np.linalg.norm(X, axis=1, keepdims=True)


class Energy(eqx.Module):
    X: jax.Array

    def __call__(self, logits):
        return TOTAL.energy(logits, Dense(self.X))


class Path:
    """The flow, and what the bounds are made of."""

    def __init__(self, kind):
        X = rows_of(kind)
        trajectory = flow(Energy(jnp.asarray(X)), jnp.full((M, M), 0.3), TIMES, rtol=1e-10)
        self.logits, self.R = np.asarray(trajectory.params), np.asarray(trajectory.loss)
        self.L = np.asarray(jax.vmap(TOTAL.laplacian)(trajectory.params))
        self.A1 = softmax(self.logits, axis=(1, 2))
        self.C = ((X[:, None] - X[None]) ** 2).sum(axis=2) / 2
        self.t = TIMES[:, None, None]


path = functools.cache(Path)


def test_the_norm_1_form_of_the_distances_is_the_papers(kind):
    if kind == "of the theorem":
        X = rows_of(kind)
        assert (X > 0).all()
        np.testing.assert_allclose(path(kind).C, 1 - X @ X.T, atol=1e-15)
    assert (path(kind).C[C1] > 1e-3).all()
    assert np.array_equal(path(kind).C == 0, EQUAL)


def test_logits_stay_symmetric(kind):
    logits = path(kind).logits
    assert np.ptp(logits[-1]) > 5
    np.testing.assert_allclose(logits, logits.transpose(0, 2, 1), rtol=1e-12)


def test_the_limit_is_minus_gamma_on_equal_pairs_and_0_on_others(kind):
    L = path(kind).L[-1]
    expected = np.where(C2, -GAMMA, 0)
    expected[DIAGONAL] = -expected.sum(axis=1)
    np.testing.assert_allclose(L, expected, atol=1e-5)
    assert np.abs(L[C2] - GAMMA).min() > GAMMA  # the printed sign


def test_the_energy_vanishes_without_rising(kind):
    R = path(kind).R
    assert (R > 0).all()
    assert (np.diff(R) < 0).all()
    assert R[-1] < 1e-5 * R[0]


def test_the_inverse_affinities_are_linear_in_the_distances(kind):
    """``1 / A'_kl(t) = alpha(t) + beta(t) C_kl``, the diagonal included, with ``beta >= 2 t``."""
    inverse, C = 1 / path(kind).A1, path(kind).C
    alpha = inverse[:, 0, 0]
    beta = (inverse[:, 0, -1] - alpha) / C[0, -1]
    np.testing.assert_allclose(inverse, alpha[:, None, None] + beta[:, None, None] * C, rtol=1e-6)
    assert (beta >= 2 * TIMES * (1 - 1e-9) - 1e-9).all()
    assert (alpha >= N0 * (1 - 1e-9)).all()
    assert (np.diff(alpha) < 1e-7).all()
    np.testing.assert_allclose(alpha[0], M**2, rtol=1e-12)


def test_unequal_pairs_vanish_like_1_over_t(kind):
    errors, C, t = np.abs(path(kind).L)[:, C1], path(kind).C[C1], TIMES[:, None]
    assert (errors <= 2 / (N0 + 2 * C * t) * (1 + 1e-9)).all()
    assert (errors >= 2 / (M**2 * (1 + 2 * M**2 * C * t / N0**2)) * (1 - 1e-9)).all()
    np.testing.assert_allclose(errors[-1], N0 / (M**2 * C * TIMES[-1]), rtol=1e-3)


def test_equal_pairs_reach_gamma_like_1_over_t(kind):
    errors, C = GAMMA - np.abs(path(kind).L)[:, C2], path(kind).C[C1]
    unequal = np.abs(path(kind).L)[:, C1]
    np.testing.assert_allclose(errors, unequal.sum(axis=1, keepdims=True).repeat(C2.sum(), 1) / N0, atol=1e-12)
    assert (errors >= -1e-12).all()
    assert (errors[:, 0] <= (2 / (N0 + 2 * C * TIMES[:, None])).sum(axis=1) / N0 * (1 + 1e-9)).all()
    np.testing.assert_allclose(errors[-1] * TIMES[-1], (1 / C).sum() / M**2, rtol=1e-2)


def test_equal_pairs_are_not_the_faster_ones(kind):
    """The paper: "converges faster when (k, l) in C_2 than C_1". The mean error says the opposite, at all times."""
    equal, unequal = (GAMMA - np.abs(path(kind).L)[:, C2]).mean(axis=1), np.abs(path(kind).L)[:, C1].mean(axis=1)
    np.testing.assert_allclose(equal / unequal, N1 / N0, rtol=1e-4)
    assert N1 > 1.5 * N0


def test_the_diagonal_has_at_most_the_larger_of_the_two_errors_of_its_row(kind):
    L = path(kind).L
    limit = GAMMA * C2.sum(axis=1)
    errors = np.abs(L[:, DIAGONAL] - limit)
    unequal = np.where(C1, np.abs(L), 0).sum(axis=2)
    equal = np.where(C2, GAMMA - np.abs(L), 0).sum(axis=2)
    assert (errors <= np.maximum(unequal, equal) + 1e-12).all()
    assert (errors <= np.where(C1, 2 / (N0 + 2 * path(kind).C * path(kind).t), 0).sum(axis=2).max() + 1e-12).all()


def test_the_energy_lies_between_two_hyperbolas(kind):
    R = path(kind).R
    low, high = R[0] / (1 + 2 * R[0] * TIMES), R[0] / (1 + N0 * R[0] * TIMES / (M**2 * N1))
    assert (low * (1 - 1e-9) <= R).all()
    assert (high * (1 + 1e-9) >= R).all()
    np.testing.assert_allclose(R[-1] * TIMES[-1], N0 * N1 / M**2, rtol=1e-3)


@pytest.mark.parametrize("share", [1.0, 0.5, 0.1])
def test_no_exponential_rate_holds(kind, share):
    """The printed bounds with ``D = min 4 C_kl / m^2`` over unequal pairs, the paper's, and with smaller ones.

    (``4`` is twice what the gradient has, see the closed form of Proposition 2; over *all* pairs the minimum is 0.)
    """
    D = share * 4 * path(kind).C[C1].min() / M**2
    decay = np.exp(-D * TIMES)
    L = path(kind).L
    limit = GAMMA * C2.sum(axis=1)
    broken = {
        "unequal": np.abs(L)[:, C1].max(axis=1) > N0 * decay,
        "equal": (GAMMA - np.abs(L)[:, C2]).max(axis=1) > decay,
        "diagonal": np.abs(L[:, DIAGONAL] - limit).max(axis=1) > (M - 1) * N0 * decay,
        "corollary": 2 * N0 * (M - 1) * M * decay < path(kind).R,
    }
    for name, found in broken.items():
        assert not found[0], name
        assert found[-1], name
        assert (np.diff(found.astype(int)) >= 0).all(), name  # once broken, for good
