import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matmend.fidelity import squared
from matmend.matrix import Dense, LowRank
from matmend.observation import Entries, Masked

NAN = np.nan


def test_nan_is_missing_by_default():
    observation = Masked.from_array([[1.0, NAN], [NAN, 4.0]])
    assert observation.weights.tolist() == [[1, 0], [0, 1]]
    assert observation.values.tolist() == [[1, 0], [0, 4]]
    assert float(observation.normalizer) == 2


@pytest.mark.parametrize("hidden", [NAN, np.inf, 1e300])
def test_what_the_mask_hides_reaches_neither_loss_nor_gradient(hidden):
    observation = Masked.from_array([[1.0, hidden], [3.0, 4.0]], [[True, False], [True, True]])
    loss, gradient = jax.value_and_grad(lambda X: observation.loss(Dense(X), squared))(jnp.zeros((2, 2)))
    assert float(loss) == pytest.approx(26 / 3, rel=1e-15)
    np.testing.assert_allclose(gradient, np.array([[-1, 0], [-3, -4]]) * 2 / 3, rtol=1e-15)


def test_weights_of_hidden_entries_do_not_count():
    weights = [[2.0, NAN], [1.0, -5.0]]
    observation = Masked.from_array(np.ones((2, 2)), [[True, False], [True, False]], weights=weights)
    assert observation.weights.tolist() == [[2, 0], [1, 0]]
    assert float(observation.normalizer) == 3


def test_one_row_of_weights_serves_all_rows():
    observation = Masked.from_array(np.ones((3, 2)), weights=[1.0, 2.0])
    assert observation.weights.tolist() == 3 * [[1, 2]]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6), st.floats(-9, 9)), min_size=1, max_size=20))
def test_triplets_are_sorted_and_repeated_pairs_all_count(triplets):
    rows, cols, values = map(np.array, zip(*triplets, strict=True))
    observation = Entries.from_triplets(rows, cols, values, shape=(5, 7))
    kept = [tuple(map(float, t)) for t in zip(observation.rows, observation.cols, observation.values, strict=True)]
    assert sorted(kept) == sorted(tuple(map(float, t)) for t in triplets)
    assert [pair[:2] for pair in kept] == sorted(pair[:2] for pair in kept)
    assert float(observation.normalizer) == len(triplets)
    assert Entries.from_triplets(rows, cols, values).shape == (rows.max() + 1, cols.max() + 1)


def test_weights_move_with_their_entries():
    observation = Entries.from_triplets([1, 0], [0, 0], [3.0, 4.0], weights=[10.0, 20.0])
    assert observation.values.tolist() == [4, 3]
    assert observation.weights.tolist() == [20, 10]


def test_entries_of_a_huge_matrix_never_form_it():
    m, n = 200_000, 300_000
    observation = Entries.from_triplets([0, m - 1], [n - 1, 0], [1.0, 2.0], shape=(m, n))
    X = LowRank(jnp.ones((m, 1)), jnp.ones((n, 1)))
    assert float(observation.loss(X, squared)) == 0.5


MASKED_ERRORS = {
    "vector": (lambda: Masked.from_array([1.0, 2.0]), r"two axes.*shape \(2,\)"),
    "mask of another shape": (
        lambda: Masked.from_array(np.ones((2, 3)), np.ones((3, 2), bool)),
        r"mask must have the shape of the values, \(2, 3\), got \(3, 2\)",
    ),
    "all missing": (lambda: Masked.from_array([[NAN, NAN]]), "No entry is observed"),
    "empty": (lambda: Masked.from_array(np.ones((0, 3))), "No entry is observed"),
    "empty mask": (lambda: Masked.from_array(np.ones((1, 2)), [[False, False]]), "No entry is observed"),
    "infinite": (lambda: Masked.from_array([[np.inf, 1.0]]), "1 observed values are NaN or infinite.*mask"),
    "nan in the mask": (
        lambda: Masked.from_array([[NAN, NAN, 1.0]], [[True, True, True]]),
        "2 observed values are NaN or infinite.*leave the mask out",
    ),
    "negative weight": (lambda: Masked.from_array(np.ones((1, 2)), weights=[1.0, -1.0]), "finite and non-negative"),
    "nan weight": (lambda: Masked.from_array(np.ones((1, 2)), weights=[1.0, NAN]), "finite and non-negative"),
    "zero weights": (lambda: Masked.from_array(np.ones((1, 2)), weights=[0.0, 0.0]), "at least one must be above 0"),
}

ENTRIES_ERRORS = {
    "lengths": (
        lambda: Entries.from_triplets([0, 1], [0], [1.0]),
        r"one common length, got shapes \(2,\), \(1,\), \(1,\)",
    ),
    "matrices": (lambda: Entries.from_triplets([[0]], [[0]], [[1.0]]), "one common length"),
    "none": (lambda: Entries.from_triplets(np.zeros(0, int), np.zeros(0, int), []), "No entry is observed"),
    "float indices": (lambda: Entries.from_triplets([0.0], [0], [1.0]), "integers counted from 0, got dtypes float64"),
    "negative index": (lambda: Entries.from_triplets([-1], [0], [1.0], shape=(2, 2)), r"2 x 2 .*rows -1..-1"),
    "row too far": (lambda: Entries.from_triplets([2], [0], [1.0], shape=(2, 2)), r"2 x 2 .*rows 2..2"),
    "column too far": (lambda: Entries.from_triplets([0], [5], [1.0], shape=(2, 2)), r"columns 5..5"),
    "nan": (lambda: Entries.from_triplets([0, 1], [0, 1], [NAN, 1.0]), "1 values are NaN or infinite: leave"),
    "weights": (
        lambda: Entries.from_triplets([0, 1], [0, 1], [1.0, 2.0], weights=[1.0]),
        r"one weight per value \(2\), got shape \(1,\)",
    ),
    "negative weight": (
        lambda: Entries.from_triplets([0, 1], [0, 1], [1.0, 2.0], weights=[1.0, -1.0]),
        "finite and non-negative",
    ),
}
ERRORS = {f"masked: {k}": v for k, v in MASKED_ERRORS.items()} | {f"entries: {k}": v for k, v in ENTRIES_ERRORS.items()}


@pytest.mark.parametrize(("observe", "message"), ERRORS.values(), ids=ERRORS.keys())
def test_bad_input_is_refused_in_words(observe, message):
    with pytest.raises(ValueError, match=message):
        observe()
