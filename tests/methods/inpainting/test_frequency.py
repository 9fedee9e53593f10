import numpy as np
import pytest

from matmend.methods.inpainting.frequency import FrequencySelective, block_order, flipped, unflipped


def gap(shape, rows, cols):
    observed = np.ones(shape, bool)
    observed[rows, cols] = False
    return observed


def waves(shape):
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    first = 0.5 + 0.2 * np.cos(2 * np.pi * (3 * rows + 5 * cols) / 64 + 0.3)
    return (first + 0.15 * np.sin(2 * np.pi * (8 * rows - 2 * cols) / 64)).astype(np.float32)[..., None]


def test_two_plane_waves_are_restored():
    X = waves((90, 80))
    observed = gap((90, 80), slice(30, 44), slice(25, 41))
    filled = FrequencySelective(decay=0.9, iterations=200)(X, observed)
    assert np.abs(filled - X).max() < 0.01


def test_scattered_pixels_of_plane_waves_are_restored():
    X = waves((64, 64))
    observed = np.random.default_rng(0).random((64, 64)) < 0.5
    filled = FrequencySelective(decay=0.85, iterations=200)(X, observed)
    assert np.abs(filled - X).mean() < 0.005


@pytest.mark.parametrize("flip", range(8))
def test_flipping_commutes_with_filling(flip):
    rng = np.random.default_rng(1)
    X = rng.random((32, 32)).astype(np.float32)
    observed = rng.random((32, 32)) < 0.7
    filler = FrequencySelective(size=16, iterations=8)
    expected = filler(flipped(X, flip)[..., None], flipped(observed, flip))[..., 0]
    done = FrequencySelective(size=16, iterations=8, flip=flip)(X[..., None], observed)[..., 0]
    np.testing.assert_array_equal(done, unflipped(expected, flip))


@pytest.mark.parametrize("flip", range(8))
def test_unflipped_undoes_flipped(flip):
    X = np.arange(12).reshape(3, 4)
    np.testing.assert_array_equal(unflipped(flipped(X, flip), flip), X)


def test_channels_are_filled_one_by_one():
    rng = np.random.default_rng(2)
    X = rng.random((20, 33, 3)).astype(np.float32)
    observed = rng.random((20, 33)) < 0.6
    filler = FrequencySelective(size=16, iterations=5, offset=(3, 1))
    together = filler(X, observed)
    for channel in range(3):
        alone = filler(X[..., channel : channel + 1], observed)
        np.testing.assert_array_equal(together[..., channel], alone[..., 0])


def support_by_hand(observed, filled, corner, block, decay, reuse, reach):
    """Weighted number of known pixels around a block, up to whole blocks `reach` away."""
    rows, cols = np.indices(observed.shape)
    away = np.maximum(np.abs(rows // block - corner[0] // block), np.abs(cols // block - corner[1] // block))
    weights = np.where(observed, 1.0, reuse * filled) * (away <= reach)
    middle = (corner[0] + (block - 1) / 2, corner[1] + (block - 1) / 2)
    return float((weights * decay ** np.hypot(rows - middle[0], cols - middle[1])).sum())


def test_blocks_come_in_rounds_of_the_best_surrounded():
    observed = np.random.default_rng(3).random((20, 24)) < 0.3
    observed[5:12, 6:17] = False
    order = [tuple(corner) for corner in block_order(observed, 2, (0, 0), decay=0.7, reuse=0.4).tolist()]
    filled = np.zeros(observed.shape, bool)
    todo = {(i, j) for i in range(0, 20, 2) for j in range(0, 24, 2) if not observed[i : i + 2, j : j + 2].all()}
    assert set(order) == todo
    assert len(order) == len(todo)
    while todo:
        support = {corner: support_by_hand(observed, filled, corner, 2, 0.7, 0.4, 4) for corner in todo}
        best = []
        for row, col in todo:
            near = [other for other in todo if max(abs(other[0] - row), abs(other[1] - col)) <= 4 * 2]
            if support[row, col] == max(support[other] for other in near):
                best.append((row, col))
        best.sort(key=lambda corner: -support[corner])
        assert order[: len(best)] == best
        del order[: len(best)]
        todo -= set(best)
        for row, col in best:
            filled[row : row + 2, col : col + 2] = True


def test_blocks_of_a_moved_grid_cover_all_that_is_missing():
    observed = np.random.default_rng(4).random((13, 11)) < 0.4
    order = block_order(observed, 4, (2, 3), decay=0.7, reuse=0.5)
    covered = np.zeros((13 + 8, 11 + 8), bool)
    for row, col in order + 4:
        covered[row : row + 4, col : col + 4] = True
    assert covered[4:17, 4:15][~observed].all()
    assert ((order + np.array([2, 3])) % 4 == 0).all()


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"block": 0}, "block"),
        ({"size": 7}, "size"),
        ({"decay": 1.0}, "decay"),
        ({"iterations": 0}, "iterations"),
        ({"reuse": 2.0}, "reuse"),
        ({"step": 0.0}, "step"),
        ({"flip": 8}, "flip"),
        ({"offset": (4, 0)}, "offset"),
    ],
)
def test_settings_out_of_range_are_refused(settings, word):
    with pytest.raises(ValueError, match=f"{word}: expected"):
        FrequencySelective(**settings)
