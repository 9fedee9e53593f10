"""Helpers of the drug-target experiments that have logic of their own."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.dti import _model, cross_validation
from experiments.dti._model import Setting, normalized_graph, profile_scores, scores
from experiments.dti.choice import inner_split
from experiments.dti.cross_validation import HIDDEN, folds
from matmend.datasets import Dataset, holdout_entries, knn_graph, synthetic
from matmend.metrics import auc
from matmend.solve import adam, solve

SETTING = Setting(starts=2, steps=60, width=10)  # one for all tests: one compilation
shapes = st.tuples(st.integers(2, 12), st.integers(2, 12))


@given(shapes, st.sampled_from(sorted(HIDDEN)), st.data())
def test_every_entry_is_hidden_in_exactly_one_fold_of_its_size(shape, hidden, data):
    m, n = shape
    number = {"CVP": m * n, "CVD": m, "CVT": n}[hidden]
    num_folds = data.draw(st.integers(2, number))
    parts = folds(shape, hidden, num_folds, seed=0)
    assert len(parts) == num_folds
    np.testing.assert_array_equal(np.sum(parts, axis=0), np.ones(shape))
    sizes = {int(part.sum()) * number // (m * n) for part in parts}
    assert sizes <= {number // num_folds, -(-number // num_folds)}


@given(shapes, st.integers(0, 5))
def test_new_drugs_are_whole_rows_and_new_targets_whole_columns(shape, seed):
    for fold in folds(shape, "CVD", 2, seed=seed):
        assert (fold == fold[:, :1]).all()
    for fold in folds(shape, "CVT", 2, seed=seed):
        assert (fold == fold[:1]).all()


def test_the_choice_never_sees_what_is_scored_in_the_end():
    shape = (30, 20)
    final = holdout_entries(shape, 0.2, seed=0)
    for split in range(3):
        observed, scored = inner_split(shape, split)
        assert not (observed & scored).any()
        np.testing.assert_array_equal(observed | scored, ~final)
        assert 0.1 < scored.sum() / (~final).sum() < 0.3


def test_folds_are_drawn_by_the_seed():
    first, again, other = (folds((9, 7), "CVP", 3, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(("hidden", "most"), [("CVP", 12), ("CVD", 4), ("CVT", 3)])
def test_more_folds_than_parts_are_refused(hidden, most):
    assert len(folds((4, 3), hidden, most, seed=0)) == most
    with pytest.raises(ValueError, match=f"2 to {most}"):
        folds((4, 3), hidden, most + 1, seed=0)


def test_a_graph_is_divided_by_the_roots_of_both_degrees():
    S = synthetic.interactions((12, 9), density=0.2, seed=3).row_similarity
    assert S is not None
    W = knn_graph(S, 3)
    D = np.diag(W.sum(axis=1) ** -0.5)
    np.testing.assert_allclose(normalized_graph(S, 3), D @ W @ D, rtol=1e-6)
    # D^-1/2 W D^-1/2 is similar to a stochastic matrix.
    assert np.linalg.eigvalsh(normalized_graph(S, 3)).max() == pytest.approx(1, rel=1e-5)


def test_a_node_without_neighbours_keeps_a_row_of_zeros():
    S = np.zeros((3, 3))
    S[0, 1] = S[1, 0] = 0.5
    np.testing.assert_array_equal(normalized_graph(S, 1), [[0, 1, 0], [1, 0, 0], [0, 0, 0]])


@pytest.fixture(scope="module")
def small():
    data = synthetic.interactions((20, 16), density=0.15, rank=2, seed=1)
    hidden = folds(data.shape, "CVD", 4, seed=0)[0]
    return data, hidden


def test_scores_see_nothing_that_is_hidden(small):
    data, hidden = small
    other = synthetic.interactions((20, 16), density=0.15, rank=2, seed=1)
    other.X_true[hidden] = 1 - other.X_true[hidden]
    one, two = (scores(d, ~hidden, SETTING, seed=0) for d in (data, other))
    np.testing.assert_array_equal(one, two)


def test_a_score_is_the_mean_logit_of_its_starts_with_the_weight_of_positives_undone(small):
    data, hidden = small
    score = scores(data, ~hidden, SETTING, seed=7)
    problem, keys = _model.problem(data, ~hidden, SETTING), jax.random.split(jax.random.key(7), 2)
    logits = [solve(problem, adam(SETTING.learning_rate), key=key, max_steps=SETTING.steps).X.dense() for key in keys]
    odds = np.exp(np.mean(logits, axis=0)) / SETTING.positives
    np.testing.assert_allclose(score, odds / (1 + odds), rtol=1e-4)


def test_the_graph_of_drugs_ranks_the_targets_of_new_drugs(small):
    data, hidden = small
    # Nothing but the graph trains the rows of a new drug.
    score = scores(data, ~hidden, SETTING, seed=0)
    assert auc(score, data.X_true, hidden) > 0.75


def test_the_profile_of_a_new_drug_is_the_weighted_mean_of_the_others():
    Y = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    S = np.array([[1.0, 0.2, 0.3], [0.2, 1.0, 0.6], [0.3, 0.6, 1.0]])
    data = Dataset(Y, row_similarity=S, col_similarity=np.array([[1.0, 0.5], [0.5, 1.0]]))
    mask = np.array([[True, True], [True, True], [False, False]])
    # Drug 2 has nothing observed: (0.3 [1, 0] + 0.6 [0, 1]) / 0.9, halved since its targets' profiles are 0.
    np.testing.assert_allclose(profile_scores(data, mask)[2], [1 / 6, 1 / 3])
    # Drug 0: drugs 0.2 [0, 1] / 0.5 and targets [0, 1], each profile counting a half.
    np.testing.assert_allclose(profile_scores(data, mask)[0], [0.0, 0.2 + 0.5])


def test_given_graphs_need_similarities():
    data = synthetic.low_rank((5, 4), 1, seed=0)
    with pytest.raises(ValueError, match="without_graphs"):
        scores(data, np.ones((5, 4), bool), Setting(starts=1, steps=1), seed=0)


def test_the_made_up_set_needs_no_folder(monkeypatch):
    monkeypatch.delenv("MATMEND_DATA", raising=False)
    assert _model.load("synthetic").shape == (60, 50)
    assert cross_validation.quick().sets == ("synthetic",)
