"""The critical points that a run of two factors passes: where it waits, how it leaves, and what theory says of it."""

from collections.abc import Callable
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float
from numpy.typing import ArrayLike
from scipy.signal import find_peaks

from matmend.dynamics.trajectory import Trace, residual
from matmend.matrix import Dense
from matmend.problem import Problem, ProblemParams


@dataclass(frozen=True, eq=False)
class Plateau:
    """One place where a run almost stood still, and how it got away from there.

    Below, ``R`` is the [`residual`][matmend.dynamics.residual] on the plateau with singular triples
    ``(u_i, sigma_i, v_i)``, ``S = W_aug``, and ``V_perp`` the complement of the row space that ``S`` has learned.

    Attributes
    ----------
    index : int
        Of the trace: where the norm of the gradient is least.
    time, loss, gradient_norm : float
    rank, rank_A, rank_B, rank_augmented : int
        Numerical ranks of ``X``, ``A``, ``B`` and ``W_aug``, see [`Trace.ranks`][].
    X : array of shape (m, n)
    sigma_residual : array of shape (min(m, n),)
        Singular values of ``R``. The theory asks for a simple ``sigma_1``.
    predicted_direction : array of shape (m + n,)
        ``z = [u_1; v_1] / sqrt(2)``: the column by which ``S`` grows next.
    observed_direction : array of shape (m + n,) or None
        First left singular vector of ``S P_perp``, ``P_perp`` the projection to ``V_perp``, when its length along ``z``
        has reached ``delta``. None if the run ended before.
    amplitude, delta : float
        ``|z' S P_perp|`` on the plateau and where the escape counts as made.
    observed_duration : float
        From the plateau to amplitude ``delta``; NaN if the run ended before.
    alignment : float
        Second over first singular value of ``S P_perp`` at the escape; NaN if the run ended before.
    curvatures : array or None
        All eigenvalues of the Hessian, ascending; None for problems with too many parameters.
    best : array of shape (m, n) or None
        The best fit of rank ``rank`` that was given, and its loss, ``best_loss``.
    best_loss : float or None
    learning_rate : float
        0 for a gradient flow.
    """

    index: int
    time: float
    loss: float
    gradient_norm: float
    rank: int
    rank_A: int  # noqa: N815 (the paper's A and B)
    rank_B: int  # noqa: N815
    rank_augmented: int
    X: np.ndarray
    sigma_residual: np.ndarray
    predicted_direction: np.ndarray
    observed_direction: np.ndarray | None
    amplitude: float
    delta: float
    observed_duration: float
    alignment: float
    curvatures: np.ndarray | None
    best: np.ndarray | None
    best_loss: float | None
    learning_rate: float = 0.0

    @property
    def gap(self) -> float:
        """``sigma_2 / sigma_1`` of ``R``; near 1 the order of the next two directions is chance."""
        return float(self.sigma_residual[1] / self.sigma_residual[0]) if len(self.sigma_residual) > 1 else 0.0

    @property
    def cosine(self) -> float:
        """``|z' observed_direction|``; NaN without an escape."""
        if self.observed_direction is None:
            return float("nan")
        return float(np.abs(self.predicted_direction @ self.observed_direction))

    @property
    def rates(self) -> np.ndarray:
        """Rates of growth, of shape (min(m, n),): ``sigma_i``, in gradient descent ``log(1 + lr sigma_i) / lr``.

        A step of gradient descent multiplies by ``1 + lr sigma_i``.
        """
        lr, sigma = self.learning_rate, self.sigma_residual
        return np.log1p(lr * sigma) / lr if lr else sigma

    @property
    def predicted_duration(self) -> float:
        """``log(delta / amplitude) / rate_1``, to compare with the observed one."""
        return float(np.log(self.delta / self.amplitude) / self.rates[0]) if 0 < self.amplitude < self.delta else 0.0

    @property
    def predicted_exponent(self) -> float:
        """``1 - rate_2 / rate_1``: the alignment is of the order of the initial scale to this power."""
        return float(1 - self.rates[1] / self.rates[0]) if len(self.rates) > 1 else 1.0

    @property
    def negative_curvatures(self) -> np.ndarray | None:
        """Eigenvalues of the Hessian below ``-1e-3 sigma_1``, ascending.

        At a critical point of rank ``k`` each ``-sigma_i`` is one of them, ``d - k`` times.
        """
        if self.curvatures is None:
            return None
        return self.curvatures[self.curvatures < -1e-3 * self.sigma_residual[0]]

    @property
    def excess(self) -> float | None:
        """Loss above that of the best fit of the same rank: 0 at a global minimum of the level (no regularizer)."""
        return None if self.best_loss is None else self.loss - self.best_loss

    @property
    def distance(self) -> float | None:
        """Frobenius distance to the best fit of the same rank."""
        return None if self.best is None else float(np.linalg.norm(self.X - self.best))


def plateaus(
    trace: Trace,
    *,
    decades: float = 1.0,
    rtol: float = 1e-3,
    threshold: float = 0.01,
    best: Callable[[int], ArrayLike] | None = None,
    hessian_limit: int = 0,
) -> list[Plateau]:
    """Find the critical points that a run has passed, and compare how it left them with the linear theory.

    A plateau is a local maximum of ``-log10 |gradient|`` that stands out by ``decades``. The start counts as one if it
    does, so that of a run from near 0 the first plateau has rank 0. Where ``R`` has become 0 nothing is left to
    learn, and that is no plateau; nor is the last record, from which nothing tells whether the gradient would rise.

    Parameters
    ----------
    trace : Trace
        With the parameters kept; recorded often enough that neighbours differ little.
    decades : float, default 1.0
        Prominence, in powers of ten.
    rtol : float, default 1e-3
        For the numerical ranks, see [`Trace.ranks`][].
    threshold : float, default 0.01
        The escape is made at ``delta = threshold * sqrt(2 sigma_1)``, ``sqrt(2 sigma_1)`` being the length that the new
        direction of ``W_aug`` would have if it learned all of ``sigma_1``.
    best : callable ``rank -> array of shape (m, n)``, optional
        The best fit of a rank to the observed entries, to compare with:
        ``lambda k: best_rank_k(values, mask, k).X``.
    hessian_limit : int, default 0
        Largest number of parameters for which the eigenvalues of the Hessian are computed, densely.

    Returns
    -------
    list of Plateau
        In the order of time.

    Raises
    ------
    ValueError
        If the trace has no parameters.

    Notes
    -----
    Derived here, not quoted. With ``S = W_aug`` the flow is ``dS/dt = H S``, ``H = [[0, R], [R', 0]]``, whose
    eigenvalues are ``+-sigma_i`` with vectors ``[u_i; +-v_i] / sqrt(2)``. At a critical point ``R B' = 0`` and
    ``A' R = 0``: what is inside the learned row space stays, and the rest, ``S P_perp``, grows like ``exp(sigma_1 t)``
    along ``z = [u_1; v_1] / sqrt(2)``. The predicted time starts from the amplitude that is found on the plateau, so it
    is a test of the rate alone. In the disconnected case directions with rows inside the learned row space can grow
    as well; the observed direction does not see those.

    References
    ----------
    Bai, Zhao & Zhang 2024, Fig. 3, arXiv:2405.13721 (the plateaus); Li, Luo & Lyu 2021, arXiv:2012.09839 (that the
    run goes on along the top singular pair of the residual).

    Examples
    --------
    >>> import jax, numpy as np, optax
    >>> jax.config.update("jax_enable_x64", True)
    >>> from matmend import DeepFactorization, Gaussian, Masked
    >>> from matmend.dynamics import trace_of_descent, with_factors
    >>> from matmend.solve import solve
    >>> deep = DeepFactorization(depth=2, initialization=Gaussian(std=1e-8))
    >>> problem = Problem(Masked.from_array(np.diag([3.0, 1.0]), normalizer=2.0), deep)
    >>> run = solve(
    ...     problem, optax.sgd(0.05), key=jax.random.key(0), max_steps=600, every=5, record=with_factors
    ... )
    >>> passed = plateaus(trace_of_descent(problem, run.record, learning_rate=0.05))
    >>> [(plateau.rank, plateau.rank_augmented, round(plateau.cosine, 4)) for plateau in passed]
    [(0, 0, 1.0), (1, 1, 1.0)]
    """
    log_slope = -np.log10(np.maximum(trace.gradient_norm, np.finfo(np.float64).tiny))
    # A low point in front lets the start be a peak.
    peaks = find_peaks(np.r_[log_slope.min(), log_slope], prominence=decades)[0] - 1
    unlearned = trace.sigma_residual[:, 0]
    peaks = peaks[unlearned[peaks] > 1e-6 * unlearned.max()]
    ranks = trace.ranks(rtol=rtol)
    found = []
    for index in peaks.tolist():
        params = trace.at(index)
        X = np.asarray(trace.problem.matrix(params).dense())
        U, sigma, Vh = np.linalg.svd(np.asarray(residual(trace.problem, params)), full_matrices=False)
        direction = np.r_[U[:, 0], Vh[0]] / np.sqrt(2)
        delta = threshold * np.sqrt(2 * sigma[0])
        amplitude, duration, observed, alignment = _escape(
            trace, index, int(ranks.augmented[index]), direction, float(delta)
        )
        X_best = None if best is None else np.asarray(best(int(ranks.X[index])))
        size = sum(leaf.size for leaf in params.representation)
        found.append(
            Plateau(
                index=index,
                time=float(trace.times[index]),
                loss=float(trace.loss[index]),
                gradient_norm=float(trace.gradient_norm[index]),
                rank=int(ranks.X[index]),
                rank_A=int(ranks.A[index]),
                rank_B=int(ranks.B[index]),
                rank_augmented=int(ranks.augmented[index]),
                X=X,
                sigma_residual=sigma,
                predicted_direction=direction,
                observed_direction=observed,
                amplitude=amplitude,
                delta=float(delta),
                observed_duration=duration,
                alignment=alignment,
                curvatures=np.asarray(curvatures(trace.problem, params)) if size <= hessian_limit else None,
                best=X_best,
                best_loss=None if X_best is None else float(_loss(trace.problem, X_best)),
                learning_rate=trace.learning_rate,
            )
        )
    return found


def curvatures(problem: Problem, params: ProblemParams) -> Float[Array, " k"]:
    """Eigenvalues of the Hessian of the objective with respect to the factors, ascending.

    Parameters
    ----------
    problem : Problem
        Small: the Hessian is formed, ``k = (m + n) d``.
    params : ProblemParams

    Returns
    -------
    array of shape (k,)

    Examples
    --------
    At 0 they are the singular values of ``P o M`` with both signs, each as often as the factors are wide:

    >>> import jax, jax.numpy as jnp, numpy as np
    >>> jax.config.update("jax_enable_x64", True)
    >>> from matmend import DeepFactorization, Masked
    >>> problem = Problem(Masked.from_array(np.diag([3.0, 1.0]), normalizer=2.0), DeepFactorization(depth=2))
    >>> at_zero = jax.tree.map(jnp.zeros_like, problem.init(key=jax.random.key(0)))
    >>> curvatures(problem, at_zero).round(9).tolist()
    [-3.0, -3.0, -1.0, -1.0, 1.0, 1.0, 3.0, 3.0]
    """
    return _curvatures(problem, params)


def alignment_exponent(scales: ArrayLike, alignments: ArrayLike) -> float:
    """Slope of ``log alignment`` over ``log scale``, by least squares.

    Near the origin ``S(t) = exp(H t) S(0)``: when ``sigma_1(S)`` has grown from the initial scale ``alpha`` to a fixed
    size, ``sigma_2(S) / sigma_1(S)`` is of the order of ``alpha^(1 - sigma_2 / sigma_1)``, the last two being those of
    ``P o M`` (for gradient descent the rates, see [`Plateau.rates`][]). Derived here; the paper is said to relate
    initialization scale and alignment as well, in a form not known to us.

    Parameters
    ----------
    scales : array of shape (k,)
        Initial scales of several runs.
    alignments : array of shape (k,)
        `Plateau.alignment` of the first plateau of each.

    Returns
    -------
    float
        To be compared with [`Plateau.predicted_exponent`][].

    Examples
    --------
    >>> round(alignment_exponent([1e-2, 1e-4, 1e-6], [1e-1, 1e-2, 1e-3]), 6)
    0.5
    """
    return float(np.polyfit(np.log(np.asarray(scales)), np.log(np.asarray(alignments)), 1)[0])


def _escape(
    trace: Trace, index: int, rank: int, direction: np.ndarray, delta: float
) -> tuple[float, float, np.ndarray | None, float]:
    """Return the amplitude on the plateau, the time until it is `delta`, and direction and alignment then."""
    S = trace.augmented[index:]
    _, _, Vh = np.linalg.svd(S[0], full_matrices=True)
    unlearned = Vh[rank:].T
    if unlearned.shape[1] == 0:
        return 0.0, float("nan"), None, float("nan")
    S_new = S @ unlearned  # has the left singular vectors and the singular values of S P_perp
    lengths = np.linalg.norm(direction @ S_new, axis=-1)
    reached = np.flatnonzero(lengths >= delta)
    if not reached.size:
        return float(lengths[0]), float("nan"), None, float("nan")
    after = int(reached[0])
    before = max(after - 1, 0)
    U, sigma, _ = np.linalg.svd(S_new[[before, after]], full_matrices=False)
    ratios = sigma[:, 1] / sigma[:, 0] if sigma.shape[1] > 1 else np.zeros(2)
    # All growth is exponential: interpolate logarithms linearly between two records.
    share = np.log(delta / lengths[before]) / np.log(lengths[after] / lengths[before]) if after else 1.0
    crossing = trace.times[index + before] + share * (trace.times[index + after] - trace.times[index + before])
    alignment = ratios[0] ** (1 - share) * ratios[1] ** share
    return float(lengths[0]), float(crossing - trace.times[index]), U[1, :, 0], float(alignment)


@eqx.filter_jit
def _curvatures(problem: Problem, params: ProblemParams) -> Float[Array, " k"]:
    flat, unravel = ravel_pytree(params.representation)
    hessian = jax.hessian(lambda w: problem.objective(ProblemParams(unravel(w), params.regularizer))[0])(flat)
    return jnp.linalg.eigvalsh(hessian)


def _loss(problem: Problem, X: np.ndarray) -> Array:
    return problem.observation.loss(Dense(jnp.asarray(X, problem.observation.values.dtype)), problem.fidelity)
