import numpy as np
import pytest

from matmend.methods.inpainting.tiles import reduced, tiled


def plane(picture, observed):
    """Fit a plane to what is observed: exact on planes wherever the tile lies."""
    y, x = np.indices(observed.shape)
    A = np.stack([np.ones(observed.size), y.ravel(), x.ravel()], axis=1)
    known = observed.ravel()
    found = [
        A @ np.linalg.lstsq(A[known], channel.ravel()[known], rcond=None)[0] for channel in picture.T.swapaxes(1, 2)
    ]
    filled = np.stack(found, axis=1).reshape(picture.shape)
    return np.where(observed[..., None], picture, filled).astype(np.float32)


@pytest.fixture
def case():
    y, x = np.indices((150, 210))
    picture = np.stack([y / 150, (x + y) / 360], axis=2).astype(np.float32)
    observed = np.random.default_rng(0).random((150, 210)) > 0.4
    observed[0, 0] = observed[-1, -1] = observed[0, -1] = observed[-1, 0] = True
    return picture, observed


def test_a_plane_is_filled_without_seams(case):
    picture, observed = case
    filled = tiled(plane, np.where(observed[..., None], picture, 9), observed, tile=64, overlap=16)
    np.testing.assert_allclose(filled, picture, atol=1e-5)


def test_a_small_picture_is_one_tile(case):
    picture, observed = case
    calls = []
    tiled(lambda p, o: (calls.append(p.shape), plane(p, o))[1], picture, observed, tile=256, overlap=16)
    assert calls == [picture.shape]


def test_tiles_have_one_shape_and_those_without_gaps_are_skipped(case):
    picture, observed = case
    observed = np.ones_like(observed)
    observed[100, 150] = False
    shapes, told = [], []
    tiled(
        lambda p, o: (shapes.append(p.shape), plane(p, o))[1], picture, observed, tile=64, overlap=16,
        on_part=[lambda done, total: told.append((done, total))],
    )  # fmt: skip
    assert set(shapes) == {(64, 64, 2)}
    assert 1 <= len(shapes) <= 4
    assert told == [(k + 1, len(shapes)) for k in range(len(shapes))]


def test_a_gap_larger_than_a_tile_is_filled_from_a_smaller_picture():
    y, x = np.indices((400, 420))
    picture = np.stack([x / 420, y / 400], axis=2).astype(np.float32)
    observed = np.ones((400, 420), bool)
    observed[20:380, 20:400] = False
    filled = tiled(plane, np.where(observed[..., None], picture, 0), observed, tile=64, overlap=16)
    assert np.isfinite(filled).all()
    assert abs(filled - picture).max() < 0.02


def test_tiles_that_do_not_advance_are_refused(case):
    with pytest.raises(ValueError, match=r"0 <= 2 overlap < tile, got overlap=32, tile=64"):
        tiled(plane, *case, tile=64, overlap=32)


def test_reduced_averages_blocks():
    picture = np.arange(24.0, dtype=np.float32).reshape(4, 6, 1)
    np.testing.assert_allclose(reduced(picture, 2)[..., 0], picture[..., 0].reshape(2, 2, 3, 2).mean((1, 3)))
