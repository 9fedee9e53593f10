"""Pictures survive the way in and out to the last bit; the referees are Pillow, tifffile and imagecodecs themselves."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from _pictures import load, save
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from matmend.io import Storage, check_target, read_picture, write_picture

LOSSLESS = [
    (suffix, dtype, channels)
    for suffix, dtypes, counts in [
        (".png", ("uint8", "uint16"), (1, 2, 3, 4)),
        (".tif", ("uint8", "uint16"), (1, 2, 3, 4)),
        (".bmp", ("uint8",), (1, 3)),
        (".webp", ("uint8",), (3, 4)),
    ]
    for dtype, channels in itertools.product(dtypes, counts)
]


# ---------------------------------------------------------------- integers, exactly


@pytest.mark.parametrize(("suffix", "dtype", "channels"), LOSSLESS)
def test_every_stored_value_comes_back(tmp_path, suffix, dtype, channels):
    count = np.iinfo(dtype).max + 1
    ramp = np.arange(count, dtype=dtype).reshape(-1, 16)
    values = np.stack([np.roll(ramp, 37 * i) for i in range(channels)], axis=2)
    source, target = save(tmp_path / f"in{suffix}", values), tmp_path / f"out{suffix}"
    picture = read_picture(source)
    has_alpha = channels in (2, 4)
    np.testing.assert_array_equal(picture.pixels, (values[:, :, : channels - has_alpha] / (count - 1)).astype("f4"))
    np.testing.assert_array_equal(picture.mask, values[:, :, -1] > 0 if has_alpha else True)
    assert not picture.nan_mask.any()
    assert picture.pixels.dtype == np.float32
    write_picture(target, picture.pixels, picture.storage)
    again = load(target)
    assert again.dtype == dtype
    np.testing.assert_array_equal(again, values)


@given(data=st.data(), case=st.sampled_from(LOSSLESS))
@settings(max_examples=60, deadline=None)
def test_round_trip(tmp_path_factory, data, case):
    suffix, dtype, channels = case
    height, width = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    values = data.draw(hnp.arrays(dtype, (height, width, channels)))
    folder = tmp_path_factory.mktemp("round")
    picture = read_picture(save(folder / f"in{suffix}", values))
    assert picture.shape == (height, width)
    write_picture(folder / f"out{suffix}", picture.pixels, picture.storage)
    np.testing.assert_array_equal(load(folder / f"out{suffix}"), values)
    other = ".tif" if suffix == ".png" else ".png"
    write_picture(folder / f"out{other}", picture.pixels, picture.storage)
    np.testing.assert_array_equal(load(folder / f"out{other}"), values)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
def test_bilevel_stays_bilevel(tmp_path, suffix):
    values = np.random.default_rng(0).random((5, 11)) > 0.5
    Image.fromarray(values).save(tmp_path / f"in{suffix}")
    picture = read_picture(tmp_path / f"in{suffix}")
    assert picture.storage.kind == "1-bit gray"
    np.testing.assert_array_equal(picture.pixels[:, :, 0], values)
    write_picture(tmp_path / f"out{suffix}", picture.pixels * 0.6 + 0.1, picture.storage)
    again = Image.open(tmp_path / f"out{suffix}")
    assert again.mode == "1"
    np.testing.assert_array_equal(again, values)


def test_clips_and_rounds(tmp_path):
    write_picture(tmp_path / "a.png", np.array([[[-3.0], [0.5], [0.1], [7.0]]]), Storage(bands="gray"))
    assert load(tmp_path / "a.png").ravel().tolist() == [0, 128, 26, 255]


def test_jpeg_has_high_quality_and_full_colour(tmp_path):
    yy, xx = np.mgrid[:32, :32] / 31
    pixels = np.stack([yy, xx, 0.5 + 0 * xx], axis=2)
    write_picture(tmp_path / "a.jpg", pixels, Storage())
    with Image.open(tmp_path / "a.jpg") as image:
        assert isinstance(image, JpegImageFile)
        assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3  # the sampling of each channel
    again = read_picture(tmp_path / "a.jpg")
    assert again.storage.lossy
    assert np.abs(again.pixels - pixels).max() < 0.02


# ---------------------------------------------------------------- floating point


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_float_round_trip(tmp_path_factory, data):
    dtype = data.draw(st.sampled_from(["float16", "float32", "float64"]))
    bound = 60000 if dtype == "float16" else 2.0**100
    shape = data.draw(st.tuples(st.integers(1, 6), st.integers(1, 6), st.sampled_from([1, 3])))
    width = np.dtype(dtype).itemsize * 8
    elements = st.floats(-bound, bound, width=width) | st.just(np.nan)  # pyright: ignore[reportArgumentType] # 16, 32, 64
    values = data.draw(hnp.arrays(dtype, shape, elements=elements))
    folder = tmp_path_factory.mktemp("float")
    picture = read_picture(save(folder / "in.tif", values))
    is_nan = np.isnan(values).any(axis=2)
    np.testing.assert_array_equal(picture.nan_mask, is_nan)
    np.testing.assert_array_equal(picture.mask, ~is_nan)
    assert np.isfinite(picture.pixels).all()
    assert (picture.pixels[is_nan] == 0).all()
    assert picture.pixels.min() >= 0
    assert picture.pixels.max() <= 1
    write_picture(folder / "out.tif", picture.pixels, picture.storage)
    again, was = load(folder / "out.tif")[~is_nan], values[~is_nan]
    assert again.dtype == dtype
    if was.size:
        low, high = float(was.min()), float(was.max())
        assert picture.storage.value_range == (low, high)
        tolerance = (high - low) * 2.0**-24 + np.spacing(np.abs(was)).astype("f8")
        assert (np.abs(again.astype("f8") - was.astype("f8")) <= tolerance).all()
    write_picture(folder / "filled.tif", picture.pixels, picture.storage, filled=is_nan)
    np.testing.assert_array_equal(load(folder / "filled.tif")[~is_nan], values[~is_nan])


def test_constant_float_image(tmp_path):
    values = np.full((3, 4, 1), -2.5, np.float32)
    picture = read_picture(save(tmp_path / "in.tif", values))
    assert picture.storage.value_range == (-2.5, -2.5)
    write_picture(tmp_path / "out.tif", picture.pixels + 0.3, picture.storage)
    np.testing.assert_array_equal(load(tmp_path / "out.tif"), values)


def test_float_image_without_any_value(tmp_path):
    picture = read_picture(save(tmp_path / "in.tif", np.full((3, 4, 1), np.nan, np.float32)))
    assert not picture.mask.any()
    assert (picture.pixels == 0).all()


def test_float_alpha_tells_missing_but_not_nan(tmp_path):
    values = np.ones((2, 2, 4), np.float32)
    values[0, 0] = (1e6, 0, 0, 0)  # under a transparent pixel: no part of the range
    values[0, 1, 0], values[1, 1, 0] = np.nan, 3
    picture = read_picture(save(tmp_path / "in.tif", values))
    assert picture.mask.tolist() == [[False, False], [True, True]]
    assert picture.nan_mask.tolist() == [[False, True], [False, False]]
    assert picture.storage.value_range == (1, 3)
    write_picture(tmp_path / "out.tif", picture.pixels, picture.storage, filled=~picture.mask)
    assert (load(tmp_path / "out.tif")[:, :, 3] == 1).all()


def test_infinite_values_are_refused(tmp_path):
    with pytest.raises(ValueError, match="set those to NaN"):
        read_picture(save(tmp_path / "a.tif", np.array([[[np.inf], [1.0]]])))
    with pytest.raises(ValueError, match="range is finite"):
        read_picture(save(tmp_path / "b.tif", np.array([[[-1.7e308], [1.7e308]]])))


@pytest.mark.parametrize(("dtype", "full"), [("uint8", 255), ("uint16", 65535)])
def test_filled_pixels_become_opaque(tmp_path, dtype, full):
    values = np.random.default_rng(1).integers(1, full, (4, 5, 4)).astype(dtype)
    values[:2, :, 3] = 0
    picture = read_picture(save(tmp_path / "in.png", values))
    np.testing.assert_array_equal(picture.mask[:2], False)
    write_picture(tmp_path / "out.png", picture.pixels, picture.storage, filled=~picture.mask)
    again = load(tmp_path / "out.png")
    assert (again[:2, :, 3] == full).all()
    np.testing.assert_array_equal(again[2:], values[2:])


# ---------------------------------------------------------------- metadata


def exif_bytes(orientation):
    tags = Image.Exif()
    tags[271], tags[274] = "Camera", orientation
    return tags.tobytes()


@pytest.mark.parametrize(
    ("source", "target", "dtype"),
    [
        *itertools.product([".png", ".jpg", ".tif", ".webp"], [".png", ".jpg", ".tif", ".webp"], ["uint8"]),
        *itertools.product([".png", ".tif"], [".png", ".tif"], ["uint16"]),
    ],
)
def test_metadata_stay(tmp_path, source, target, dtype):
    storage = Storage(
        dtype=dtype, value_range=(0, np.iinfo(dtype).max), dpi=(300, 150), icc_profile=b"profile", exif=exif_bytes(6)
    )
    pixels = np.random.default_rng(6).random((6, 7, 3))
    write_picture(tmp_path / f"a{source}", pixels, storage)
    picture = read_picture(tmp_path / f"a{source}")
    write_picture(tmp_path / f"b{target}", picture.pixels, picture.storage)
    with Image.open(tmp_path / f"b{target}") as image:
        assert image.getexif()[274] == 6
        assert image.info["icc_profile"] == b"profile"
        if ".webp" not in (source, target):
            np.testing.assert_allclose([float(value) for value in image.info["dpi"]], (300, 150), atol=0.02)
        if ".tif" not in (source, target):
            assert image.getexif()[271] == "Camera"


def test_broken_metadata_do_no_harm(tmp_path):
    storage = Storage(exif=b"Exif\0\0nonsense", icc_profile=b"\0")
    assert storage.orientation == 1
    for suffix in (".png", ".jpg", ".tif", ".webp", ".bmp"):
        write_picture(tmp_path / f"a{suffix}", np.zeros((2, 3, 3)), storage)
        assert read_picture(tmp_path / f"a{suffix}").shape == (2, 3)
    write_picture(tmp_path / "long.jpg", np.zeros((2, 3, 3)), Storage(exif=b"Exif\0\0" + bytes(70000)))
    assert read_picture(tmp_path / "long.jpg").storage.exif is None


# ---------------------------------------------------------------- targets


DEEP = Storage(dtype="uint16", value_range=(0, 65535))
FLOAT = Storage(dtype="float32", value_range=(0, 1))
ALPHA = Storage(alpha=np.zeros((2, 3), np.uint8))


@pytest.mark.parametrize(
    ("name", "storage", "words"),
    [
        ("a.jpg", DEEP, r"16-bit rgb image, but \.jpg cannot: write to \.png or \.tif or \.tiff "),
        ("a.jpeg", ALPHA, r"with alpha .* write to \.png or \.tif or \.tiff or \.webp"),
        ("a.bmp", ALPHA, "with alpha"),
        ("a.png", FLOAT, r"32-bit float rgb .* write to \.tif or \.tiff instead"),
        ("a.webp", Storage(bands="gray"), "8-bit gray"),
        ("a.jpg", Storage(bands="gray", dtype="bool", value_range=(0, 1)), "1-bit gray"),
        ("a.bmp", Storage(exif=exif_bytes(8)), "turned by its EXIF"),
        ("a.gif", Storage(), r"suffix \.gif"),
        ("a", Storage(), "no suffix"),
        ("none/a.png", Storage(), "create it first"),
        ("there.png", Storage(), "overwrite"),
    ],
)
def test_targets_are_checked_before_the_work(tmp_path, name, storage, words):
    (tmp_path / "there.png").write_text("old")
    with pytest.raises(ValueError, match=words):
        check_target(tmp_path / name, storage)
    with pytest.raises(ValueError, match=words):
        write_picture(tmp_path / name, np.zeros((2, 3, storage.channels)), storage)
    assert [path.name for path in tmp_path.iterdir()] == ["there.png"]


def test_overwrites_only_when_asked(tmp_path):
    write_picture(tmp_path / "a.png", np.zeros((2, 3, 3)), Storage())
    check_target(tmp_path / "a.png", Storage(), overwrite=True)
    write_picture(tmp_path / "a.png", np.ones((2, 3, 3)), Storage(), overwrite=True)
    assert (load(tmp_path / "a.png") == 255).all()


@pytest.mark.parametrize(
    ("pixels", "storage", "filled", "words"),
    [
        (np.zeros((2, 3)), Storage(), None, "shape"),
        (np.zeros((2, 3, 1)), Storage(), None, "shape"),
        (np.zeros((0, 3, 3)), Storage(), None, "shape"),
        (np.zeros((2, 3, 3), np.uint8), Storage(), None, "floating point"),
        (np.full((2, 3, 3), np.nan), Storage(), None, "18 NaN"),
        (np.zeros((3, 3, 3)), ALPHA, None, "size of their alpha"),
        (np.zeros((2, 3, 3)), ALPHA, np.zeros((3, 3), bool), "filled"),
        (np.zeros((2, 3, 3)), ALPHA, np.zeros((2, 3), int), "filled"),
    ],
)
def test_pixels_that_do_not_fit(tmp_path, pixels, storage, filled, words):
    with pytest.raises(ValueError, match=words):
        write_picture(tmp_path / "a.png", pixels, storage, filled=filled)
    assert not list(tmp_path.iterdir())


def test_import_is_light():
    code = "import sys, matmend.io; raise SystemExit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_images_of_the_paper():
    folder = Path(os.environ.get("MATMEND_DATA", "not-set"), "images")
    if not folder.is_dir():
        pytest.skip("the folder named by MATMEND_DATA has no images")
    barbara = read_picture(folder / "Barbara.jpg")
    assert barbara.pixels.shape == (240, 240, 3)
    assert barbara.mask.all()
    gray = barbara.pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    assert gray.mean() == pytest.approx(0.4306, abs=1e-4)
    for path in folder.iterdir():
        reference = np.asarray(Image.open(path).convert("RGB"), dtype=np.float32) / 255
        np.testing.assert_array_equal(np.broadcast_to(read_picture(path).pixels, reference.shape), reference)
