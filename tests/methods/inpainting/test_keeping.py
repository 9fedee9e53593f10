"""Tiles that are done stay done: a run that is ended goes on to the same bits, and never on another picture."""

import numpy as np
import pytest

from matmend.datasets import load_sample
from matmend.masks import random_mask
from matmend.methods import registry
from matmend.methods.inpainting import complete_picture
from matmend.methods.inpainting.filler import put_back
from matmend.methods.inpainting.keeping import KeptTiles
from matmend.methods.inpainting.tiles import tiled
from matmend.solve import Checkpoints, Terminated


class Counter:
    """Fills with a number that depends on how many tiles were filled before."""

    def __init__(self):
        self.filled = 0

    def __call__(self, picture, observed):
        self.filled += 1
        rows = np.arange(len(observed), dtype=np.float32)[:, None, None]
        return put_back(np.sin(self.filled + rows) + np.zeros_like(picture), picture, observed)

    def state(self):
        return {"filled": self.filled}

    def restore(self, state):
        self.filled = state["filled"]


def ends_after(parts):
    def told(done, total):
        if done == parts:
            raise KeyboardInterrupt

    return [told]


@pytest.fixture
def case():
    rng = np.random.default_rng(0)
    picture, observed = rng.random((70, 90, 2)).astype(np.float32), rng.random((70, 90)) > 0.3
    observed[5:60, 10:80] = False  # with a part that is far from everything
    return picture, observed


def run(case, folder=None, *, asked="this", **settings):
    fill = Counter()
    kept = None if folder is None else KeptTiles(Checkpoints(folder, every_seconds=0), {"asked": asked}, fill)
    return tiled(fill, *case, tile=32, overlap=8, kept=kept, **settings), fill.filled


@pytest.mark.parametrize("parts", [1, 4, 10])
def test_ended_anywhere_it_goes_on_to_the_same_bits(case, tmp_path, parts):
    whole, count = run(case)
    with pytest.raises(KeyboardInterrupt):
        run(case, tmp_path, on_part=ends_after(parts))
    done = []
    again, recount = run(case, tmp_path, on_part=[lambda *told: done.append(told[0])])
    np.testing.assert_array_equal(again, whole)
    assert recount == count
    assert done[0] == parts  # Ctrl-C came before the last one was kept
    assert run(case, tmp_path, on_part=[lambda *told: pytest.fail("all was done")])[0].tobytes() == whole.tobytes()


def test_what_is_kept_is_the_gaps_alone(case, tmp_path):
    run(case, tmp_path)
    newest = max(tmp_path.glob("snapshot-*.mmend"))
    gaps = int((~case[1]).sum())
    assert newest.stat().st_size == pytest.approx(gaps * 3 * 4, rel=0.1)  # two channels and a weight


def test_another_picture_is_not_gone_on_with(case, tmp_path):
    run(case, tmp_path)
    with pytest.raises(ValueError, match="saved by another run than this one"):
        run(case, tmp_path, asked="that")
    picture, observed = case
    with pytest.raises(ValueError, match="saved by another run"):
        run((picture, ~observed), tmp_path)


def test_sigterm_ends_it_when_a_tile_is_done(case, tmp_path):
    checkpoints = Checkpoints(tmp_path, every_seconds=3600)
    fill = Counter()
    kept = KeptTiles(checkpoints, {}, fill)

    def asked(done, total):
        checkpoints.termination.has_arrived = done == 3

    with pytest.raises(Terminated):
        tiled(fill, *case, tile=32, overlap=8, kept=kept, on_part=[asked])
    found = checkpoints.whereabouts()
    assert found is not None
    assert found[1]["tile"] == 3


def test_a_photograph_in_two_runs(tmp_path):
    X = np.tile(load_sample("camera", size=128), (1, 5))[:60, :600]
    seen = random_mask(X.shape, 0.05, seed=0)
    seen[20:45, 100:125] = False  # deep: what is learned on one tile tells what to expect of others
    whole = complete_picture(X, seen)
    with pytest.raises(KeyboardInterrupt):
        complete_picture(X, seen, checkpoint=Checkpoints(tmp_path, every_seconds=0), on_part=ends_after(2))
    again = complete_picture(X, seen, checkpoint=Checkpoints(tmp_path))
    np.testing.assert_array_equal(again.picture, whole.picture)
    assert (again.expected_mae, again.expected_rmse, again.message) == (
        whole.expected_mae,
        whole.expected_rmse,
        whole.message,
    )
    with pytest.raises(ValueError, match="saved by another run"):
        complete_picture(X, seen, checkpoint=Checkpoints(tmp_path), seed=1)
    with pytest.raises(ValueError, match="saved by another run"):
        registry["patches"](1 - X, seen, checkpoint=Checkpoints(tmp_path))
