"""Pictures of which some pixels stay without a value."""

import numpy as np
import pytest
import tifffile
from _pictures import load, save

from matmend.io import Storage, check_target, read_picture, with_gaps, write_picture

CASES = [
    (".png", "uint8", 1),
    (".png", "uint16", 3),
    (".png", "uint8", 4),
    (".tif", "uint16", 2),
    (".webp", "uint8", 3),
]


@pytest.mark.parametrize(("suffix", "dtype", "channels"), CASES)
def test_missing_pixels_are_transparent_and_the_rest_stays(tmp_path, suffix, dtype, channels):
    values = np.random.default_rng(0).integers(1, np.iinfo(dtype).max, (5, 6, channels), dtype=dtype)
    picture = read_picture(save(tmp_path / f"in{suffix}", values))
    missing = np.zeros((5, 6), bool)
    missing[1] = missing[:, 2] = True
    storage = with_gaps(picture.storage, picture.shape)
    write_picture(tmp_path / f"out{suffix}", picture.pixels, storage, missing=missing)
    again = load(tmp_path / f"out{suffix}")
    assert (again[missing] == 0).all()
    np.testing.assert_array_equal(again[~missing, :channels], values[~missing])
    np.testing.assert_array_equal(read_picture(tmp_path / f"out{suffix}").mask, ~missing)


def test_missing_pixels_are_nan_in_floating_point(tmp_path):
    X = np.linspace(-3, 9, 12, dtype=np.float32).reshape(3, 4)
    tifffile.imwrite(tmp_path / "in.tif", X)
    picture = read_picture(tmp_path / "in.tif")
    missing = np.eye(3, 4) > 0
    storage = with_gaps(picture.storage, picture.shape)
    assert storage is picture.storage
    write_picture(tmp_path / "out.tif", picture.pixels, storage, missing=missing)
    again = tifffile.imread(tmp_path / "out.tif")
    np.testing.assert_array_equal(np.isnan(again), missing)
    np.testing.assert_allclose(again[~missing], X[~missing], atol=1e-6)


def test_a_format_without_transparency_is_refused():
    gray = with_gaps(Storage(bands="gray"), (2, 2))
    with pytest.raises(ValueError, match=r"gray with alpha image.*\.png or \.tif"):
        check_target("out.jpg", gray)
    with pytest.raises(ValueError, match="1-bit"):
        with_gaps(Storage(bands="gray", dtype="bool", value_range=(0, 1)), (2, 2))
    with pytest.raises(ValueError, match="with_gaps"):
        write_picture("out.png", np.ones((2, 2, 1)), Storage(bands="gray"), missing=np.eye(2) > 0)
    with pytest.raises(ValueError, match="missing to be boolean"):
        write_picture("out.png", np.ones((2, 2, 1)), Storage(bands="gray"), missing=np.eye(3) > 0)
