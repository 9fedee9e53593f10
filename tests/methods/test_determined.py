"""The share of held-out entries that others determine: against the graph and against the Jacobian's verdict."""

import numpy as np
import pytest

from matmend.completability import determinability
from matmend.graph import ObservationGraph
from matmend.masks import matched_holdout, random_mask
from matmend.methods import determined
from matmend.methods.determined import determined_share


def test_a_matrix_of_two_blocks_determines_nothing_between_them():
    shown, held = np.zeros((2, 20, 16), bool)
    shown[:10, :8] = shown[10:, 8:] = True
    held[:5, 8:] = True  # 40 entries between the blocks
    shown[0, 0] = False
    held[0, 0] = True  # and one within
    found = determined_share(shown, held)
    assert found.shares == {1: pytest.approx(1 / 41), 4: pytest.approx(1 / 41)}
    assert found.bounded == ()


@pytest.mark.parametrize("missing", [0.5, 0.75, 0.85])
def test_shares_are_those_of_the_jacobian_and_bounds_lie_above(missing, monkeypatch):
    shown, held = matched_holdout(random_mask((60, 44), missing, seed=2), 0.1, seed=0)
    verdict = determinability(ObservationGraph.from_mask(shown), 10).determined(*np.nonzero(held)).mean()
    exact = determined_share(shown, held)
    assert exact.shares[10] == pytest.approx(verdict)
    monkeypatch.setattr(determined, "MOST_UNKNOWNS", 100)
    bound = determined_share(shown, held)
    assert bound.bounded == (10,)
    assert bound.shares[1] == exact.shares[1]
    assert bound.shares[10] >= exact.shares[10]


def test_of_many_held_out_entries_some_are_asked_about(monkeypatch):
    shown, held = matched_holdout(random_mask((60, 44), 0.5, seed=2), 0.3, seed=0)
    everything = determined_share(shown, held).shares
    monkeypatch.setattr(determined, "MOST_ASKED", 100)
    assert determined_share(shown, held).shares == pytest.approx(everything, abs=0.1)
