"""``matmend complete`` and the pixels that no rank determines: told beforehand, mapped, or left out."""

import json

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

METHOD = ("--method", "mean")


@pytest.fixture
def scratched(tmp_path):
    """A 12 x 10 picture without row 4 and columns 3 and 8, and single pixels missing besides."""
    X = np.random.default_rng(0).integers(40, 220, (12, 10), dtype=np.uint8)
    seen = np.ones(X.shape, bool)
    seen[3] = seen[:, [2, 7]] = False
    open_ = ~seen
    seen[0, 0] = seen[9, 5] = False
    Image.fromarray(X).save(tmp_path / "photo.png")
    Image.fromarray(np.where(seen, 0, 255).astype(np.uint8)).save(tmp_path / "mask.png")
    return tmp_path, X, seen, open_


def arguments(folder, *more):
    return ("complete", folder / "photo.png", "-m", folder / "mask.png", "-o", folder / "out.png", *METHOD, *more)


def test_a_warning_a_map_and_counts(matmend, scratched):
    folder, X, seen, open_ = scratched
    code, out, err = matmend(*arguments(folder))
    assert (code, out) == (0, "")
    assert "row 4 and columns 3, 8 are missing altogether" in err
    assert f"{open_.sum()} pixels" in err
    assert "determined at no rank. What is filled in there comes from" in err
    assert "out-undetermined.png" in err
    chart = np.asarray(Image.open(folder / "out-undetermined.png"))
    assert chart.dtype == np.uint8
    np.testing.assert_array_equal(chart, np.where(open_, 255, 0))
    mended = np.asarray(Image.open(folder / "out.png"))
    np.testing.assert_array_equal(mended[seen], X[seen])
    assert mended.shape == X.shape
    code, out, err = matmend(*arguments(folder, "--json", "--overwrite"))
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert report["undetermined"] == open_.sum()
    assert (report["components"], report["isolated_rows"], report["isolated_cols"]) == (4, 1, 2)
    assert report["undetermined_map"] == str(folder / "out-undetermined.png")


def test_parts_that_share_nothing(matmend, tmp_path):
    seen = np.zeros((8, 8), bool)
    seen[:4, :5] = seen[4:, 5:] = True
    Image.fromarray(np.full((8, 8), 90, np.uint8)).save(tmp_path / "photo.png")
    Image.fromarray(np.where(seen, 0, 255).astype(np.uint8)).save(tmp_path / "mask.png")
    _, _, err = matmend(*arguments(tmp_path, "--missing", "white"))
    assert "what is observed falls into 2 parts that share no row and no column" in err
    chart = np.asarray(Image.open(tmp_path / "out-undetermined.png"))
    np.testing.assert_array_equal(chart == 255, ~seen)


@pytest.mark.parametrize("mode", ["keep", "nan"])
def test_no_map_and_no_warning_where_all_is_determined(matmend, damaged, mode):
    folder, _, _ = damaged
    code, _, err = matmend(*arguments(folder, "--undetermined", mode))
    assert code == 0
    assert "Not determined" not in err
    assert not (folder / "out-undetermined.png").exists()
    assert np.asarray(Image.open(folder / "out.png")).ndim == 2  # no alpha where none is needed


def test_flag_writes_a_map_in_any_case(matmend, damaged):
    folder, _, _ = damaged
    assert matmend(*arguments(folder, "--undetermined", "flag", "--quiet")) == (0, "", "")
    assert np.asarray(Image.open(folder / "out-undetermined.png")).max() == 0


def test_nan_leaves_them_transparent(matmend, scratched):
    folder, X, seen, open_ = scratched
    code, _, err = matmend(*arguments(folder, "--undetermined", "nan"))
    assert code == 0
    assert "They stay transparent." in err
    mended = imagecodecs.png_decode((folder / "out.png").read_bytes())
    assert mended.shape == (*X.shape, 2)
    np.testing.assert_array_equal(mended[..., 1], np.where(open_, 0, 255))
    np.testing.assert_array_equal(mended[..., 0][seen], X[seen])
    assert not (folder / "out-undetermined.png").exists()


def test_nan_in_floating_point(matmend, tmp_path):
    X = np.random.default_rng(0).normal(size=(9, 7)).astype(np.float32)
    X[2] = X[5, 5] = np.nan
    tifffile.imwrite(tmp_path / "heat.tif", X)
    code, _, err = matmend("complete", tmp_path / "heat.tif", *METHOD, "--undetermined", "nan")
    assert code == 0
    assert "They are written as NaN" in err
    mended = tifffile.imread(tmp_path / "heat-mended.tif")
    np.testing.assert_array_equal(np.isnan(mended), np.arange(9)[:, None].repeat(7, axis=1) == 2)


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (("--undetermined", "nan", "-o", "{}/out.jpg"), ".png or .tif"),
        (("--undetermined", "keep"), "out-undetermined.png is there"),
        (("--undetermined", "flag"), "out-undetermined.png is there"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is(matmend, scratched, more, word):
    folder = scratched[0]
    (folder / "out-undetermined.png").write_text("mine")
    code, _, err = matmend(*arguments(folder, *(word.format(folder) for word in more)))
    assert code == 2
    assert word in err
    assert (folder / "out-undetermined.png").read_text() == "mine"
    assert {path.name for path in folder.iterdir()} == {"photo.png", "mask.png", "out-undetermined.png"}
