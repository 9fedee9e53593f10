"""Figures: what is drawn is what was given."""

import matplotlib.image as mpimg
import numpy as np
import pytest

from matmend import plots


def test_panel_paints_missing_pixels_and_keeps_the_rest():
    mask = np.ones((6, 8), bool)
    mask[2, 3] = False
    X = np.linspace(0, 1, 48).reshape(6, 8)
    figure = plots.panel(X, mask, X, X)
    before, shown_mask, after, truth = (np.asarray(axes.images[0].get_array()) for axes in figure.axes)
    np.testing.assert_allclose(before[2, 3], plots.MISSING_COLOUR)
    np.testing.assert_allclose(before[0, 1], X[0, 1])
    assert shown_mask[2, 3].max() == 0
    assert shown_mask[0, 0].min() == 1
    np.testing.assert_allclose(after[..., 0], X)
    np.testing.assert_allclose(truth[..., 2], X)


@pytest.mark.parametrize("shape", [(5, 6), (5, 6, 1), (5, 6, 3)])
def test_panel_takes_gray_and_colour(shape, tmp_path):
    figure = plots.panel(np.ones(shape), np.eye(5, 6) < 1, np.zeros(shape))
    plots.save(figure, tmp_path / "panel.png")
    assert mpimg.imread(tmp_path / "panel.png").shape[2] == 4


def test_curves_show_every_series_and_the_chosen_step():
    record = {
        "step": [0, 10, 20],
        "rmse": [1, 0.5, 0.2],
        "heldout_rmse": [1, 0.6, 0.7],
        "energies": ([0, 2, 1], [0, 3, 2]),
    }
    figure = plots.curves(record, chosen=10)
    errors, energies = figure.axes
    np.testing.assert_allclose(np.asarray(errors.lines[1].get_ydata(), dtype=float), record["heldout_rmse"])
    np.testing.assert_allclose(np.asarray(energies.lines[1].get_ydata(), dtype=float), record["energies"][1])
    legend = errors.get_legend()
    assert legend is not None
    assert "result: step 10" in [text.get_text() for text in legend.get_texts()]


def test_laplacians_are_darkest_where_rows_are_most_alike():
    L = np.array([[3.0, -2.0, -1.0], [-2.0, 2.5, -0.5], [-1.0, -0.5, 1.5]])
    shown = np.asarray(plots.laplacians({"row": L}).axes[0].images[0].get_array())
    assert shown[0, 1] == shown.max()
    np.testing.assert_allclose(shown[0, 1], np.log10(2))


def test_no_laplacian_no_figure():
    with pytest.raises(ValueError, match="air"):
        plots.laplacians({})


def test_save_does_not_overwrite_unless_told(tmp_path):
    path = tmp_path / "curves.png"
    path.write_text("mine")
    figure = plots.curves({"step": [0, 1], "fidelity": [1.0, 0.5]})
    with pytest.raises(ValueError, match=r"curves\.png"):
        plots.save(figure, path)
    assert path.read_text() == "mine"
    plots.save(figure, path, overwrite=True)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_unknown_format_is_refused(tmp_path):
    with pytest.raises(ValueError, match="xyz"):
        plots.save(plots.curves({"step": [0], "fidelity": [1.0]}), tmp_path / "c.xyz")
    assert list(tmp_path.iterdir()) == []
