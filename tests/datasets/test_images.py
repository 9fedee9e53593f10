import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates
from skimage import data
from skimage.io import imread

from matmend.datasets import find_data_folder, load_sample, load_test_image, load_textural_mask
from matmend.datasets.images import TEST_IMAGES, TEXTURAL_MASK, URL, resize_bilinear, to_gray
from matmend.masks import patch_mask, random_mask, textural_mask
from matmend.metrics import nmae

needs_data = pytest.mark.skipif(
    not os.environ.get("MATMEND_DATA"), reason="MATMEND_DATA is not set: the authors' images are not redistributed"
)

# SHA-256 of the 240 x 240 gray bytes that OpenCV 5.0.0 makes of the authors' files: imread, resize, cvtColor(BGR2GRAY)
OPENCV_GRAY = {
    "barbara": "3f92dcf69ca37413f7bbfeb8bd2ce04c50bf612df4c30293599a3fe7628b7202",
    "cameraman": "867239527a48390778673195aea589c523f323b5827b0601850dd53853da171b",
    "baboon": "c3063f8468b4cf0746ba8c2899c013e45c640790494614fd22c74e654ad25ca6",
}

sides = st.integers(1, 24)


def random_image(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


# resize and gray, against independent arithmetic


@settings(deadline=None, max_examples=60)
@given(sides, sides, sides, sides, st.integers(0, 2**16))
def test_resize_is_bilinear_interpolation_at_half_pixel_centres(h, w, new_h, new_w, seed):
    image = random_image((h, w, 3), seed)
    rows, cols = ((np.arange(new) + 0.5) * old / new - 0.5 for new, old in ((new_h, h), (new_w, w)))
    grid = np.meshgrid(rows, cols, indexing="ij")
    exact = [map_coordinates(image[..., c].astype(float), grid, order=1, mode="nearest") for c in range(3)]
    resized = resize_bilinear(image, (new_h, new_w))
    assert resized.dtype == np.uint8
    assert resized.shape == (new_h, new_w, 3)
    assert np.abs(resized - np.stack(exact, axis=-1)).max() < 1.3  # half a level of rounding, the rest is fixed point


def test_resize_to_half_is_the_block_mean_rounded_half_up():
    image = random_image((20, 30, 3))
    sums = image.reshape(10, 2, 15, 2, 3).sum(axis=(1, 3), dtype=int)
    assert np.array_equal(resize_bilinear(image, (10, 15)), (sums + 2) // 4)


def test_resize_does_not_smooth():
    stripes = np.zeros((4, 40, 1), dtype=np.uint8)
    stripes[:, 1::4] = stripes[:, 2::4] = 240
    # to a quarter, output pixels lie between input pixels 4i + 1 and 4i + 2, both white: an average would give 120
    assert (resize_bilinear(stripes, (1, 10)) == 240).all()


def test_resize_to_the_same_shape_and_of_a_flat_image_changes_nothing():
    image = random_image((7, 9, 3))
    assert np.array_equal(resize_bilinear(image, (7, 9)), image)
    for level in (0, 1, 127, 254, 255):
        assert (resize_bilinear(np.full((5, 6, 3), level, dtype=np.uint8), (8, 4)) == level).all()


def test_resize_commutes_with_transposition_up_to_one_level():
    image = random_image((13, 29, 3))
    across = resize_bilinear(image.transpose(1, 0, 2), (11, 17)).transpose(1, 0, 2)
    assert np.abs(resize_bilinear(image, (17, 11)).astype(int) - across).max() <= 1


def test_gray_is_the_rounded_weighted_sum_for_a_lattice_of_all_colours():
    levels = np.array([*range(0, 256, 3)], dtype=np.uint8)
    rgb = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(len(levels), -1, 3)
    exact = rgb @ np.array([0.299, 0.587, 0.114])
    assert np.abs(to_gray(rgb) - exact).max() < 0.5 + 255 * 2**-15  # the weights are multiples of 2**-15


def test_gray_of_gray_is_itself():
    levels = np.arange(256, dtype=np.uint8)
    assert np.array_equal(to_gray(np.stack([levels] * 3, axis=-1)[None])[0], levels)


# samples


@pytest.mark.parametrize("name", ["camera", "astronaut"])
@pytest.mark.parametrize("size", [512, 256, 64, 1])
def test_sample_is_the_block_mean_of_scikit_image_rounded_to_8_bit(name, size):
    original = getattr(data, name)()
    sample = load_sample(name, size=size)
    k = 512 // size
    means = original.reshape(size, k, size, k, *original.shape[2:]).mean(axis=(1, 3))
    assert sample.dtype == np.float32
    assert sample.shape == (size, size, *original.shape[2:])
    levels = np.rint(255 * sample.astype(np.float64))
    assert np.array_equal((levels / 255).astype(np.float32), sample)  # 8 bit values
    assert np.array_equal(levels, np.floor(means + 0.5))


def test_sample_at_full_size_is_the_photograph():
    assert np.array_equal(np.rint(255 * load_sample(size=512)), data.camera())


@pytest.mark.parametrize("size", [240, 0, -2, 1024])
def test_sample_size_must_divide_512(size):
    with pytest.raises(ValueError, match=r"size: expected a divisor of 512"):
        load_sample(size=size)


def test_unknown_names_point_to_the_other_loader():
    with pytest.raises(ValueError, match=r"expected camera or astronaut, got 'barbara'; load_test_image"):
        load_sample("barbara")
    with pytest.raises(ValueError, match=r"barbara, cameraman, baboon, got 'camera'; load_sample"):
        load_test_image("camera")


@pytest.mark.parametrize("size", [0, -1, 2.5])
def test_test_image_size_must_be_a_positive_integer(size):
    with pytest.raises(ValueError, match="size: expected a positive whole number"):
        load_test_image("barbara", size=size)


def test_importing_the_numpy_modules_does_not_import_jax_nor_readers():
    code = "import sys, matmend.metrics, matmend.masks, matmend.datasets; "
    code += "sys.exit(not {'jax', 'h5py', 'pooch'}.isdisjoint(sys.modules))"
    source = str(Path(__file__).parents[2] / "src")
    paths = os.pathsep.join([source, os.environ.get("PYTHONPATH", "")])
    result = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": paths}, check=False)
    assert result.returncode == 0


# the folder


def test_data_folder_is_read_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("MATMEND_DATA", str(tmp_path))
    assert find_data_folder() == tmp_path
    monkeypatch.setenv("MATMEND_DATA", "")
    assert find_data_folder() is None
    monkeypatch.delenv("MATMEND_DATA")
    assert find_data_folder() is None


def test_data_folder_that_does_not_exist_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setenv("MATMEND_DATA", str(tmp_path / "typo"))
    with pytest.raises(FileNotFoundError, match=r"MATMEND_DATA: expected a folder, got .*typo'; correct or unset"):
        find_data_folder()


def test_without_folder_and_network_the_message_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.delenv("MATMEND_DATA", raising=False)
    monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path / project)
    monkeypatch.setattr("matmend.datasets.images.URL", "http://127.0.0.1:9/")  # the discard port: nobody answers
    for load in (lambda: load_test_image("baboon"), load_textural_mask):
        with pytest.raises(FileNotFoundError, match=r"MATMEND_DATA or pass folder=.*load_sample\(\)"):
            load()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"Barbara.jpg: expected a file, got none"):
        load_test_image("barbara", folder=tmp_path)


def test_another_file_of_the_same_name_is_refused(tmp_path):
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "mask.png").write_bytes(b"not the authors' mask")
    found = hashlib.sha256(b"not the authors' mask").hexdigest()
    with pytest.raises(ValueError, match=f"mask.png: expected SHA-256 f2ae.*, got {found}; take the authors' file"):
        load_textural_mask(folder=str(tmp_path))


def test_downloads_are_pinned_to_a_whole_commit_and_a_checksum():
    assert re.fullmatch(r"https://raw\.githubusercontent\.com/lizhemin15/AIR-Net/[0-9a-f]{40}/", URL)
    for relative, published, sha256 in (*TEST_IMAGES.values(), TEXTURAL_MASK):
        assert Path(relative).name == Path(published).name
        assert re.fullmatch("[0-9a-f]{64}", sha256)


# the authors' files


@needs_data
@pytest.mark.parametrize("name", OPENCV_GRAY)
def test_test_images_equal_those_of_opencv(name):
    X = load_test_image(name)
    assert X.dtype == np.float32
    assert X.shape == (240, 240)
    gray = np.rint(255 * X).astype(np.uint8)
    assert np.array_equal(X, gray.astype(np.float32) / 255)
    assert hashlib.sha256(gray.tobytes()).hexdigest() == OPENCV_GRAY[name]


@needs_data
@pytest.mark.parametrize(
    ("name", "low", "high", "mean"), [("barbara", 0, 1, 0.4306), ("baboon", 0.02353, 0.77255, 0.4030)]
)
def test_test_images_have_the_range_and_mean_of_the_protocol(name, low, high, mean):
    X = load_test_image(name)
    assert X.min() == pytest.approx(low, abs=5e-6)
    assert X.max() == pytest.approx(high, abs=5e-6)
    assert X.mean(dtype=np.float64) == pytest.approx(mean, abs=5e-5)


@needs_data
def test_test_image_of_another_size():
    assert load_test_image("baboon", size=60).shape == (60, 60)


@needs_data
def test_textural_mask_misses_5444_pixels_and_equals_the_rule_on_the_gray_picture():
    mask = load_textural_mask()
    assert mask.shape == (240, 240)
    assert np.count_nonzero(~mask) == 5444
    picture = imread(Path(os.environ["MATMEND_DATA"]) / "masks" / "mask.png")
    assert (picture[..., 3] == 255).all()
    assert np.array_equal(mask, textural_mask(to_gray(picture[..., :3])))


@needs_data
@pytest.mark.parametrize(
    ("pattern", "loss", "error"), [("random", 0.1601, 0.4315), ("patch", 0.2208, 0.4332), ("texture", 0.2105, 0.3859)]
)
def test_iteration_zero_of_the_paper_on_barbara(pattern, loss, error):
    """Factors start near 0, so the first logged loss and NMAE are those of X = 0."""
    X = load_test_image("barbara")
    mask = {
        "random": lambda: random_mask((240, 240), 0.3, seed=20210909),
        "patch": lambda: patch_mask((240, 240)),
        "texture": load_textural_mask,
    }[pattern]()
    assert np.sum(mask * X.astype(np.float64) ** 2) / 57600 == pytest.approx(loss, abs=5e-5)
    assert nmae(np.zeros_like(X), X, mask) == pytest.approx(error, abs=5e-5)
