"""The tables: every implementation of a contract has one row, and the tests of the contract run over all rows."""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from matmend.matrix import AbstractMatrix, Dense, LowRank
from matmend.regularizer import (
    AbstractRegularizer,
    AdaptiveLaplacian,
    CoordinateNetwork,
    FivePointLaplacian,
    GivenLaplacian,
    Sum,
    TotalSoftmax,
    TotalVariation,
)
from matmend.representation import (
    AbstractRepresentation,
    Balanced,
    Biased,
    DeepFactorization,
    Direct,
    Gaussian,
    ScaledIdentity,
    Spectral,
)
from matmend.transform import AbstractTransform, Identity, Patches, Transpose


@pytest.fixture(params=["float32", "float64"], scope="session")
def dtype(request):
    return np.dtype(request.param)


# matrices: `X -> AbstractMatrix`, of which `Dense` is the plainest


def _exact_low_rank(X) -> LowRank:
    """Hold any matrix as thin factors (r = n): differentiable, and equal to `X` to the last bit."""
    return LowRank(X, jnp.eye(X.shape[1], dtype=X.dtype))


MATRICES: dict[str, Callable[..., AbstractMatrix]] = {"dense": Dense, "low-rank": _exact_low_rank}


@pytest.fixture(params=MATRICES.values(), ids=list(MATRICES), scope="session")
def as_matrix(request):
    return request.param


# transforms


class TransformCase(NamedTuple):
    transform: AbstractTransform
    reference: Callable[[np.ndarray], np.ndarray]  # what it does to a numpy array, written another way
    keeps_every_entry_once: bool = True


def _transposed_channels(channels: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda X: np.hstack([block.T for block in np.hsplit(X, channels)])


def _patches(size: tuple[int, int], corners: list[tuple[int, int]], channels: int = 1):
    def of_picture(X: np.ndarray) -> np.ndarray:
        planes = np.hsplit(X, channels)
        return np.array(
            [np.concatenate([plane[i : i + size[0], j : j + size[1]].ravel() for plane in planes]) for i, j in corners]
        )

    return of_picture


TRANSFORMS = {
    "identity": TransformCase(Identity(), lambda X: X),
    "transpose": TransformCase(Transpose(), np.transpose),
    "transpose-2-channels": TransformCase(Transpose(channels=2), _transposed_channels(2)),
    "transpose-3-channels": TransformCase(Transpose(channels=3), _transposed_channels(3)),
    "patches": TransformCase(Patches((2, 3)), _patches((2, 3), [(0, 0), (0, 3)])),
    "patches-2-channels": TransformCase(Patches((1, 3), channels=2), _patches((1, 3), [(0, 0), (1, 0)], channels=2)),
    "patches-3-channels": TransformCase(Patches((2, 1), channels=3), _patches((2, 1), [(0, 0), (0, 1)], channels=3)),
    "patches-overlapping": TransformCase(
        Patches((1, 3), stride=(1, 2)),
        _patches((1, 3), [(i, j) for i in (0, 1) for j in (0, 2, 3)]),
        keeps_every_entry_once=False,
    ),
    "patches-overlapping-channels": TransformCase(
        Patches(2, channels=2), _patches((2, 2), [(0, 0), (0, 1)], channels=2), keeps_every_entry_once=False
    ),
}


@pytest.fixture(params=TRANSFORMS.values(), ids=list(TRANSFORMS), scope="session")
def transform_case(request):
    return request.param


# representations


class RepresentationCase(NamedTuple):
    representation: AbstractRepresentation
    is_random: bool = True


REPRESENTATIONS = {
    "direct-zero": RepresentationCase(Direct(), is_random=False),
    "direct": RepresentationCase(Direct(scale=0.1)),
    "single-factor": RepresentationCase(DeepFactorization(depth=1)),
    "gaussian": RepresentationCase(DeepFactorization(depth=3)),
    "gaussian-off-centre": RepresentationCase(DeepFactorization(depth=2, initialization=Gaussian(1e-3, 1e-3))),
    "thin": RepresentationCase(DeepFactorization(depth=3, width=2)),
    "hourglass": RepresentationCase(DeepFactorization(depth=4, width=(5, 1, 3))),
    "wide": RepresentationCase(DeepFactorization(depth=3, width=9)),
    "identity": RepresentationCase(DeepFactorization(depth=3, initialization=ScaledIdentity()), is_random=False),
    "balanced": RepresentationCase(DeepFactorization(depth=3, initialization=Balanced())),
    "balanced-thin": RepresentationCase(DeepFactorization(depth=4, width=(2, 5, 3), initialization=Balanced())),
    "spectral": RepresentationCase(Spectral.from_graphs(np.ones((6, 6)), np.ones((8, 8))), is_random=False),
    "spectral-band": RepresentationCase(
        Spectral.from_graphs(np.ones((6, 6)), np.ones((8, 8)), num_row=3, num_col=5, coefficients=DeepFactorization(2))
    ),
    "biased": RepresentationCase(Biased(DeepFactorization(depth=2, width=2))),
    "biased-as-wide-as-it-likes": RepresentationCase(Biased(DeepFactorization(depth=3, width=7, is_thin=True))),
    "balanced-single": RepresentationCase(DeepFactorization(depth=1, initialization=Balanced())),
}


@pytest.fixture(params=REPRESENTATIONS.values(), ids=list(REPRESENTATIONS), scope="session")
def representation_case(request):
    return request.param


# regularizers, all for an X of shape (4, 6)

SHAPE = (4, 6)


def _affinity(k: int) -> np.ndarray:
    return np.random.default_rng(k).uniform(size=(k, k))


class RegularizerCase(NamedTuple):
    regularizer: AbstractRegularizer
    degree: int | None = None  # R(s X) = s^degree R(X)
    rough: bool = True  # random matrices have an energy above 0
    shape: tuple[int, int] = SHAPE


SMALL_NETWORK = CoordinateNetwork(rank=3, width=4, depth=2)

GRAPHS = {
    "adaptive": RegularizerCase(AdaptiveLaplacian(), 2),
    "adaptive-total": RegularizerCase(AdaptiveLaplacian(normalization=TotalSoftmax()), 2),
    "adaptive-columns": RegularizerCase(AdaptiveLaplacian(Transpose()), 2),
    "adaptive-total-columns": RegularizerCase(AdaptiveLaplacian(Transpose(), TotalSoftmax()), 2),
    "adaptive-channels": RegularizerCase(AdaptiveLaplacian(Transpose(channels=2)), 2),
    "adaptive-patches": RegularizerCase(AdaptiveLaplacian(Patches((2, 3))), 2),
    "adaptive-patches-channels": RegularizerCase(AdaptiveLaplacian(Patches((2, 1), channels=2)), 2),
    "adaptive-squared": RegularizerCase(AdaptiveLaplacian(power=2), 2),
    "adaptive-cubed-columns": RegularizerCase(AdaptiveLaplacian(Transpose(), power=3), 2),
    "network": RegularizerCase(AdaptiveLaplacian(affinity=SMALL_NETWORK), 2),
    "network-squared-columns": RegularizerCase(AdaptiveLaplacian(Transpose(), affinity=SMALL_NETWORK, power=2), 2),
    "given": RegularizerCase(GivenLaplacian(_affinity(4)), 2),
    "given-squared": RegularizerCase(GivenLaplacian(_affinity(4), power=2), 2),
    "given-columns": RegularizerCase(GivenLaplacian(_affinity(6), Transpose()), 2),
    "given-channels": RegularizerCase(GivenLaplacian(_affinity(3), Transpose(channels=2)), 2),
}

REGULARIZERS = {
    **GRAPHS,
    "adaptive-patches-overlapping": RegularizerCase(AdaptiveLaplacian(Patches(3, stride=2)), 2),
    "total-variation": RegularizerCase(TotalVariation(), 1),
    "total-variation-channels": RegularizerCase(TotalVariation(channels=2), 1),
    "five-point": RegularizerCase(FivePointLaplacian(), 1),
    "five-point-channels": RegularizerCase(FivePointLaplacian(channels=2), 1),
    "scaled": RegularizerCase(0.1 * TotalVariation(), 1),
    "scaled-adaptive": RegularizerCase(3 * AdaptiveLaplacian(), 2),
    "scaled-twice": RegularizerCase(0.5 * (jnp.float32(0.1) * AdaptiveLaplacian()), 2),
    "sum": RegularizerCase(AdaptiveLaplacian() + AdaptiveLaplacian(Transpose()), 2),
    "scaled-sum": RegularizerCase(0.5 * (0.1 * TotalVariation() + GivenLaplacian(_affinity(4)) + AdaptiveLaplacian())),
    "empty-sum": RegularizerCase(Sum(), 1, rough=False),
}


@pytest.fixture(params=GRAPHS.values(), ids=list(GRAPHS), scope="session")
def graph_case(request):
    return request.param


@pytest.fixture(params=REGULARIZERS.values(), ids=list(REGULARIZERS), scope="session")
def regularizer_case(request):
    return request.param


@eqx.filter_jit
def _value_and_grad(regularizer, params, X):
    return jax.value_and_grad(lambda pX: regularizer.energy(pX[0], Dense(pX[1])))((params, X))


@pytest.fixture(scope="session")
def value_and_grad():
    """Return `value_and_grad(regularizer, params, X) -> (energy, (d_params, d_X))`, compiled once for all tests."""
    return _value_and_grad


@eqx.filter_jit
def _init(regularizer, shape, key):
    return regularizer.init(shape, key=key, dtype=np.dtype("float64"))


@pytest.fixture(scope="session")
def draw():
    """Return `draw(case, seed, dtype) -> (params, X)`: parameters at their start and a Gaussian matrix."""

    def _draw(case: RegularizerCase, seed: int, dtype="float64"):
        X = np.random.default_rng(seed).normal(size=case.shape)
        key = jax.random.key(seed, impl="rbg")  # compiles in half the time
        params = _init(case.regularizer, case.shape, key)
        return jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype=dtype), (params, X))

    return _draw
