import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components

from matmend.datasets import holdout_entries, knn_graph
from matmend.datasets.synthetic import block_ratings, interactions, low_rank, texture
from matmend.metrics import auc


def known(field):
    assert field is not None
    return field


seeds = st.integers(0, 2**32)
sizes = st.tuples(st.integers(2, 30), st.integers(2, 30))

MAKERS = {
    "block_ratings": lambda seed: block_ratings((30, 20), num_row_blocks=4, num_col_blocks=3, seed=seed),
    "interactions": lambda seed: interactions((30, 20), density=0.1, seed=seed),
    "low_rank": lambda seed: low_rank((30, 20), 3, seed=seed, noise=0.1),
    "texture": lambda seed: texture((30, 20), seed=seed),
}


@pytest.mark.parametrize("name", MAKERS)
def test_the_seed_decides_all(name):
    first, again, other = (MAKERS[name](seed) for seed in (1, 1, 2))
    for field in ("X_true", "row_graph", "col_graph", "row_similarity", "col_similarity"):
        one, two, three = (getattr(data, field) for data in (first, again, other))
        assert (one is None) == (two is None) == (three is None)
        if one is not None:
            assert np.array_equal(one, two)
            assert not np.array_equal(one, three)
    assert first.source == f"matmend.datasets.synthetic.{name}, seed 1"
    assert first.licence == "none needed: generated"


@pytest.mark.parametrize("maker", [block_ratings, interactions, texture])
@pytest.mark.parametrize("shape", [(3,), (0, 3), (2.5, 3)])
def test_a_shape_that_is_none_is_refused(maker, shape):
    with pytest.raises(ValueError, match="shape: expected two positive integers"):
        maker(shape, seed=0)


# block ratings


@settings(deadline=None, max_examples=50)
@given(sizes, st.data(), seeds)
def test_ratings_are_constant_on_the_components_of_the_graphs(shape, data, seed):
    num_row_blocks = data.draw(st.integers(2, shape[0]))
    num_col_blocks = data.draw(st.integers(1, shape[1]))
    edge_density = data.draw(st.floats(0, 1))
    ratings = block_ratings(
        shape, num_row_blocks=num_row_blocks, num_col_blocks=num_col_blocks, edge_density=edge_density, seed=seed
    )
    X = ratings.X_true
    assert X.shape == shape
    assert (X.min(), X.max()) == (1, 5)
    assert np.unique(X).size == num_row_blocks * num_col_blocks
    for side, W, count in (
        (X, known(ratings.row_graph), num_row_blocks),
        (X.T, known(ratings.col_graph), num_col_blocks),
    ):
        num_components, labels = connected_components(W)
        assert num_components == count
        assert (np.bincount(labels) >= max(1, 3 * len(W) // (4 * count))).all()
        assert ((side[:, None] == side[None]).all(axis=2) == (labels[:, None] == labels[None])).all()


def test_by_default_they_are_like_syn_netflix():
    for seed in range(5):
        data = block_ratings(seed=seed)
        assert data.shape == (150, 200)
        assert np.linalg.matrix_rank(data.X_true) == 12
        assert np.unique(data.X_true).size == 180
        for side, W in ((data.X_true, known(data.row_graph)), (data.X_true.T, known(data.col_graph))):
            alike = (side[:, None] == side[None]).all(axis=2) & ~np.eye(len(W), dtype=bool)
            assert set(np.unique(W)) == {0, 1}
            assert W[alike].mean() == pytest.approx(0.91, abs=0.03)
            assert not W[~alike].any()


@pytest.mark.parametrize("levels", [2, 5, 9])
def test_levels_are_equally_spaced_and_even(levels):
    X = block_ratings((100, 120), num_row_blocks=40, num_col_blocks=50, levels=levels, seed=0).X_true
    values, counts = np.unique(X, return_counts=True)
    assert values == pytest.approx(np.linspace(1, 5, levels))
    assert counts.min() > 0.7 * X.size / levels


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"num_row_blocks": 151}, r"num_row_blocks: expected a number in \[1, 150\], got 151"),
        ({"num_col_blocks": 0}, r"num_col_blocks: expected a number in \[1, 200\], got 0"),
        ({"num_row_blocks": 1, "num_col_blocks": 1}, "num_row_blocks: expected two blocks at least"),
        ({"levels": 1}, "levels: expected 2 or more"),
        ({"edge_density": 1.5}, "edge_density: expected a share"),
    ],
)
def test_block_ratings_say_what_is_wrong(changed, message):
    with pytest.raises(ValueError, match=message):
        block_ratings(**changed, seed=0)


# interactions


@settings(deadline=None, max_examples=50)
@given(sizes, st.floats(0.05, 0.95), st.integers(1, 6), seeds)
def test_interactions_are_binary_and_of_exact_density(shape, density, rank, seed):
    num_ones = round(density * shape[0] * shape[1])
    if not 0 < num_ones < shape[0] * shape[1]:
        return
    data = interactions(shape, density=density, rank=rank, seed=seed)
    assert set(np.unique(data.X_true)) == {0, 1}
    assert data.X_true.sum() == num_ones
    if num_ones >= sum(shape):
        assert data.X_true.any(axis=0).all()
        assert data.X_true.any(axis=1).all()
    for S in (known(data.row_similarity), known(data.col_similarity)):
        assert np.array_equal(S, S.T)
        assert (S.min() >= 0) & (S.max() <= 1)
        assert (np.diagonal(S) == 1).all()


@pytest.mark.parametrize("seed", range(3))
def test_hidden_interactions_can_be_guessed_from_similarities_and_from_the_rest(seed):
    """The data are of use only if the neighbours, and a low rank, tell something about a hidden entry."""
    data = interactions((210, 204), seed=seed)
    hidden = holdout_entries(data.shape, 0.2, seed=seed)
    seen = np.where(hidden, 0, data.X_true)
    neighbours = knn_graph(known(data.row_similarity)) @ seen + seen @ knn_graph(known(data.col_similarity))
    U, sv, Vt = np.linalg.svd(seen, full_matrices=False)
    for guess in (neighbours, (U[:, :5] * sv[:5]) @ Vt[:5]):
        assert auc(guess, data.X_true, hidden) > 0.75


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"density": 0.0}, "density: expected a share"),
        ({"density": 1.0}, "density: expected a share"),
        ({"density": np.nan}, "density: expected a share"),
        ({"density": 1e-4}, "got 0.0001, 0 ones in 30 x 20"),
        ({"rank": 0}, "rank: expected a positive whole number"),
    ],
)
def test_interactions_say_what_is_wrong(changed, message):
    with pytest.raises(ValueError, match=message):
        interactions((30, 20), **changed, seed=0)


# low rank


@pytest.mark.parametrize("rank", [1, 4, 20])
def test_the_rank_is_as_asked_and_the_variance_one(rank):
    data = low_rank((300, 200), rank, seed=0)
    assert np.linalg.matrix_rank(data.X_true) == rank
    assert data.X_true.std() == pytest.approx(1, abs=0.15)


def test_noise_is_added_to_the_same_matrix():
    exact, noisy = (low_rank((300, 200), 3, seed=0, noise=noise).X_true for noise in (0.0, 0.5))
    assert (noisy - exact).std() == pytest.approx(0.5, rel=0.01)
    assert np.corrcoef((noisy - exact).ravel(), exact.ravel())[0, 1] == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize(
    ("rank", "noise", "message"),
    [
        (0, 0.0, "rank: expected a positive whole number"),
        (1.5, 0.0, "rank: expected a positive whole number"),
        (2, -1.0, "noise: expected a finite number >= 0"),
        (2, np.nan, "noise: expected a finite number >= 0"),
        (2, np.inf, "noise: expected a finite number >= 0"),
    ],
)
def test_low_rank_says_what_is_wrong(rank, noise, message):
    with pytest.raises(ValueError, match=message):
        low_rank((30, 20), rank, seed=0, noise=noise)


# texture


@settings(deadline=None, max_examples=30)
@given(sizes, seeds)
def test_a_texture_is_a_picture(shape, seed):
    picture = texture(shape, seed=seed).X_true
    assert picture.dtype == np.float32
    assert picture.shape == shape
    assert (picture.min(), picture.max()) == (0, 1)


@pytest.mark.parametrize("seed", range(5))
def test_a_texture_has_low_effective_rank_and_more(seed):
    picture = texture((240, 200), seed=seed).X_true.astype(np.float64)
    energy = np.cumsum(np.linalg.svd(picture - picture.mean(), compute_uv=False) ** 2)
    share = energy / energy[-1]
    assert share[19] > 0.99  # of 200
    assert share[1] < 0.9  # yet not trivial
    assert share[49] < 0.9999  # grain
    assert np.linalg.matrix_rank(picture) == 200


def test_one_pixel_has_no_texture():
    with pytest.raises(ValueError, match="shape: expected two pixels"):
        texture((1, 1), seed=0)
