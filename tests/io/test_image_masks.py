"""A mask reads the same whichever way round it was drawn, and a doubtful one is not guessed at."""

import os
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageDraw, ImageFilter

from matmend.io import read_mask
from matmend.io.image_masks import to_gray

SHAPE = (6, 8)


@pytest.fixture
def hole():
    """True in a rectangle of 6 of 48 pixels."""
    drawn = np.zeros(SHAPE, bool)
    drawn[1:3, 2:5] = True
    return drawn


def as_modes(drawn):
    light = (drawn * 255).astype(np.uint8)
    rgb = np.stack([light] * 3, axis=2)
    return {
        "bilevel.png": Image.fromarray(drawn),
        "gray.png": Image.fromarray(light),
        "labels.png": Image.fromarray(drawn.astype(np.uint8)),
        "rgb.bmp": Image.fromarray(rgb),
        "rgba.png": Image.fromarray(np.dstack([rgb, np.full(SHAPE, 255, np.uint8)])),
        "deep.png": Image.fromarray(light.astype(np.uint16) * 257),
        "palette.png": Image.fromarray(light).convert("P"),
        "gray.jpg": Image.fromarray(light).resize((160, 120), Image.Resampling.NEAREST),
    }


@pytest.mark.parametrize("name", as_modes(np.zeros(SHAPE, bool)))
@pytest.mark.parametrize("color", ["white", "black"])
@pytest.mark.parametrize("asked", ["auto", "same"])
def test_any_mode_either_way_round(tmp_path, hole, name, color, asked):
    image = as_modes(hole if color == "white" else ~hole)[name]
    image.save(tmp_path / name)
    factor = image.width // SHAPE[1]
    shape = (SHAPE[0] * factor, SHAPE[1] * factor)
    observed, polarity = read_mask(tmp_path / name, shape, missing=color if asked == "same" else "auto")
    assert polarity == color
    assert observed.dtype == np.bool_
    expected = ~np.kron(hole, np.ones((factor, factor), bool))
    if name.endswith(".jpg"):
        assert (observed == expected).mean() > 0.99  # JPEG shifts a few pixels along the edge across half scale
    else:
        np.testing.assert_array_equal(observed, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_float_tiff(tmp_path, hole, dtype):
    tifffile.imwrite(tmp_path / "a.tif", hole.astype(dtype))
    np.testing.assert_array_equal(read_mask(tmp_path / "a.tif", SHAPE)[0], ~hole)
    tifffile.imwrite(tmp_path / "b.tif", np.where(hole, np.nan, 1).astype(dtype))
    with pytest.raises(ValueError, match="8-bit"):
        read_mask(tmp_path / "b.tif", SHAPE)


def test_only_the_pure_colour_is_observed(tmp_path):
    gray = np.array([[0, 1, 128, 254, 255, 255, 255, 255, 255, 255]], np.uint8)
    Image.fromarray(gray).save(tmp_path / "a.png")
    observed, polarity = read_mask(tmp_path / "a.png", gray.shape)
    assert polarity == "black"
    np.testing.assert_array_equal(observed, gray == 255)
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png", gray.shape, missing="white")[0], gray == 0)
    Image.fromarray(255 - gray).save(tmp_path / "b.png")
    observed, polarity = read_mask(tmp_path / "b.png", gray.shape)
    assert polarity == "white"
    np.testing.assert_array_equal(observed, gray == 255)


@pytest.mark.parametrize("drawn", [np.zeros(SHAPE, bool), np.ones(SHAPE, bool)])
def test_a_blank_mask_misses_nothing(tmp_path, drawn):
    Image.fromarray((drawn * 255).astype(np.uint8)).save(tmp_path / "a.png")
    assert read_mask(tmp_path / "a.png", SHAPE)[0].all()


def test_a_dark_jpeg_is_black(tmp_path):
    Image.fromarray(np.ones(SHAPE, np.uint8)).save(tmp_path / "a.jpg")  # its greatest value is 1: noise, no label
    assert not read_mask(tmp_path / "a.jpg", SHAPE, missing="black")[0].any()


def test_a_doubtful_mask_is_not_guessed(tmp_path):
    half = np.zeros(SHAPE, np.uint8)
    half[:3] = 255
    Image.fromarray(half).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"50\.0%.*50\.0%.*missing='white'"):
        read_mask(tmp_path / "a.png", SHAPE)
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png", SHAPE, missing="white")[0], half == 0)
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png", SHAPE, missing="black")[0], half == 255)


def test_a_drawing_in_alpha(tmp_path, hole):
    alpha = np.where(hole, 0, 255).astype(np.uint8)
    alpha[0, 0] = 128  # neither
    Image.fromarray(np.dstack([np.full((*SHAPE, 3), 9, np.uint8), alpha])).save(tmp_path / "a.png")
    observed, polarity = read_mask(tmp_path / "a.png", SHAPE)
    assert polarity == "black"
    np.testing.assert_array_equal(observed, alpha == 255)
    # strokes painted on a transparent layer: mostly transparent, so "transparent is missing" is not taken for granted
    Image.fromarray(np.dstack([np.full((*SHAPE, 3), 255, np.uint8), 255 - alpha])).save(tmp_path / "b.png")
    with pytest.raises(ValueError, match="pass missing"):
        read_mask(tmp_path / "b.png", SHAPE)
    np.testing.assert_array_equal(read_mask(tmp_path / "b.png", SHAPE, missing="white")[0], alpha == 255)


def test_alpha_is_ignored_beside_a_drawing_in_colour(tmp_path, hole):
    drawing = np.dstack([np.where(hole, 255, 0)] * 3 + [np.arange(48).reshape(SHAPE)]).astype(np.uint8)
    Image.fromarray(drawing).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png", SHAPE)[0], ~hole)


def test_array_file(tmp_path, hole):
    np.save(tmp_path / "a.npy", ~hole)
    cases: list[tuple[Literal["auto", "white", "black"], np.ndarray]]
    cases = [("auto", ~hole), ("black", ~hole), ("white", hole)]
    for missing, expected in cases:
        observed, polarity = read_mask(tmp_path / "a.npy", SHAPE, missing=missing)
        np.testing.assert_array_equal(observed, expected)
        assert polarity == ("white" if missing == "white" else "black")
        assert observed.flags.writeable


def test_bad_array_files(tmp_path, hole):
    path = tmp_path / "a.npy"
    np.save(path, ~hole)
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match=r"a\.npy"):
            read_mask(path, SHAPE)
    for content, words in [
        (hole.astype(np.uint8), "uint8"),
        (np.array([{}], dtype=object), "not one"),
        (hole[:3], r"6 x 8 pixels .* is 3 x 8"),
        (np.zeros(48, bool), "is 48"),
    ]:
        np.save(path, content)
        with pytest.raises(ValueError, match=words):
            read_mask(path, SHAPE)
    with path.open("wb") as file:
        np.savez(file, hole)
    with pytest.raises(ValueError, match="archive"):
        read_mask(path, SHAPE)
    path.unlink()
    with pytest.raises(ValueError, match="not there"):
        read_mask(path, SHAPE)


def test_bad_arguments(tmp_path, hole):
    Image.fromarray(hole).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"8 x 6 pixels .* is 6 x 8"):
        read_mask(tmp_path / "a.png", (8, 6))
    with pytest.raises(ValueError, match="'grey'"):
        read_mask(tmp_path / "a.png", SHAPE, missing="grey")  # pyright: ignore[reportArgumentType] # refused at run time
    with pytest.raises(ValueError, match="not there"):
        read_mask(tmp_path / "b.png", SHAPE)


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 5), st.integers(1, 5), st.just(3))))
def test_gray_is_that_of_pillow(colors):
    np.testing.assert_array_equal(to_gray(colors), np.asarray(Image.fromarray(colors).convert("L")))
    deep = colors.astype(np.uint16) * 257
    np.testing.assert_allclose(to_gray(deep), deep @ np.array([0.299, 0.587, 0.114]), atol=1)


def test_the_mask_of_the_paper():
    path = Path(os.environ.get("MATMEND_DATA", "not-set"), "masks", "mask.png")
    if not path.is_file():
        pytest.skip("the folder named by MATMEND_DATA has no masks/mask.png")
    observed, polarity = read_mask(path, (240, 240))
    assert polarity == "black"
    assert np.count_nonzero(~observed) == 5444
    np.testing.assert_array_equal(observed, np.asarray(Image.open(path).convert("L")) == 255)


def stroke(kind):
    """Draw two lines on black and tell the pixels that they touch: with whole pixels, or with soft edges."""
    image = Image.new("L", (480, 320), 0)
    pen = ImageDraw.Draw(image)
    pen.line([(30, 40), (400, 300)], fill=255, width=24)
    pen.line([(60, 290), (460, 20)], fill=255, width=12)
    drawing = np.asarray(image.resize((120, 80), Image.Resampling.BOX))
    if kind == "whole":
        drawing = np.where(drawing > 127, 255, 0).astype(np.uint8)
    return drawing


@pytest.mark.parametrize("kind", ["whole", "soft"])
@pytest.mark.parametrize("color", ["white", "black"])
@pytest.mark.parametrize("quality", [60, 75, 90, 98])
@pytest.mark.parametrize("again", [False, True], ids=["jpg", "jpg saved as png"])
def test_jpeg_noise_beside_a_stroke(tmp_path, kind, color, quality, again):
    drawing = stroke(kind)
    Image.fromarray(drawing if color == "white" else 255 - drawing).save(tmp_path / "a.jpg", quality=quality)
    path = tmp_path / "a.jpg"
    if again:
        path = tmp_path / "a.png"
        Image.open(tmp_path / "a.jpg").save(path)
    observed, polarity = read_mask(path, drawing.shape)
    assert polarity == color
    missing = ~observed
    drawn = np.count_nonzero(drawing)
    assert np.count_nonzero(missing & (drawing == 0)) < 0.03 * drawn  # noise is not taken for a stroke
    assert np.count_nonzero(observed & (drawing > 48)) < 0.01 * drawn  # nor the soft edge for the picture


@pytest.mark.parametrize("blur", [0.0, 1.0, 4.0])
def test_soft_edges_without_loss_are_missing_to_the_last_pixel(tmp_path, blur):
    drawing = np.asarray(Image.fromarray(stroke("soft")).filter(ImageFilter.GaussianBlur(blur)))
    Image.fromarray(drawing).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png", drawing.shape, missing="white")[0], drawing == 0)
    Image.fromarray(255 - drawing).save(tmp_path / "b.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "b.png", drawing.shape, missing="black")[0], drawing == 0)


@pytest.mark.parametrize("paper", [3, 5])
@pytest.mark.parametrize("color", ["white", "black"])
def test_a_paper_that_is_not_quite_pure(tmp_path, hole, paper, color):
    drawing = np.where(hole, 255, paper).astype(np.uint8)
    Image.fromarray(drawing if color == "white" else 255 - drawing).save(tmp_path / "a.png")
    observed, polarity = read_mask(tmp_path / "a.png", SHAPE)
    assert polarity == color
    np.testing.assert_array_equal(observed, ~hole)


def test_faint_marks_alone_are_marks(tmp_path):
    drawing = np.zeros((40, 40), np.uint8)
    drawing[5:9, 5:15] = 10
    Image.fromarray(drawing).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png", drawing.shape)[0], drawing == 0)
