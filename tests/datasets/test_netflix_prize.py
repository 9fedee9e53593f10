import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matmend.datasets import load_netflix_prize
from matmend.datasets import netflix_prize as module


def line(customer, stars):
    return f"{customer},{stars},2005-09-{1 + customer % 28:02d}\n"


def write(folder, ratings, *, layout, probe=(), end="\n"):
    """Write {film: {customer: stars}} in one of the two layouts."""
    texts = {film: f"{film}:\n" + "".join(line(*pair) for pair in of_film.items()) for film, of_film in ratings.items()}
    if layout == "films":
        (folder / "training_set").mkdir()
        files = {f"training_set/mv_{film:07d}.txt": text for film, text in texts.items()}
    else:
        films = list(texts)
        parts = (films[: len(films) // 2], films[len(films) // 2 :])
        files = {f"combined_data_{i + 1}.txt": "".join(texts[film] for film in part) for i, part in enumerate(parts)}
    if probe:
        files["probe.txt"] = "".join(f"{film}:\n" + "".join(f"{c}\n" for c in customers) for film, customers in probe)
    for name, text in files.items():
        (folder / name).write_bytes(text.replace("\n", end).encode())


def triplets(part):
    return {
        (int(part.row_ids[i]), int(part.col_ids[j])): int(value)
        for i, j, value in zip(part.rows, part.cols, part.values, strict=True)
    }


def random_ratings(seed, num_films=6, num_customers=40):
    rng = np.random.default_rng(seed)
    customers = rng.choice(2_649_429, num_customers, replace=False) + 1
    return {
        film + 1: {
            int(c): int(rng.integers(1, 6))
            for c in rng.permutation(customers)[: rng.integers(1, num_customers)]
        }
        for film in range(num_films)
    }  # fmt: skip


@pytest.mark.parametrize("layout", ["films", "combined"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_both_layouts_give_the_ratings_and_the_probe_set(layout, end, tmp_path):
    ratings = random_ratings(0)
    probe = [(film, list(ratings[film])[:2]) for film in (2, 5)]
    write(tmp_path, ratings, layout=layout, probe=probe, end=end)
    split = load_netflix_prize(tmp_path)
    flat = {(c, film): stars for film, of_film in ratings.items() for c, stars in of_film.items()}
    held = {(c, film) for film, customers in probe for c in customers}
    assert triplets(split.heldout) == {pair: flat[pair] for pair in held}
    assert triplets(split.train) == {pair: stars for pair, stars in flat.items() if pair not in held}
    assert split.train.shape == split.heldout.shape == (len({c for c, _ in flat}), 6)
    np.testing.assert_array_equal(split.train.row_ids, sorted({c for c, _ in flat}))
    assert split.train.rows.dtype == split.train.cols.dtype == np.int32
    assert split.train.values.dtype == np.float32


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 60), st.integers(0, 2**16), st.booleans())
def test_pieces_of_any_size_give_the_same(size, seed, has_last_end):
    """Lines and films are cut anywhere."""
    import tempfile
    from pathlib import Path
    from unittest.mock import patch

    ratings = random_ratings(seed, num_films=3, num_customers=5)
    text = "".join(f"{film}:\n" + "".join(line(*pair) for pair in of.items()) for film, of in ratings.items())
    with tempfile.TemporaryDirectory() as here, patch.object(module, "PIECE", size):
        Path(here, "combined_data_1.txt").write_text(text if has_last_end else text[:-1])
        split = load_netflix_prize(here)
    assert triplets(split.train) == {(c, film): s for film, of in ratings.items() for c, s in of.items()}
    assert split.heldout.values.size == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,5,2005-09-06\n", "expected a line such as 1: first"),
        ("1:\n1;5;2005-09-06\n", "expected customer,rating,YYYY-MM-DD, rating 1 to 5, got '1;5;2005-09-06'"),
        ("1:\n1,6,2005-09-06\n", "got '1,6,2005-09-06'"),
        ("1:\n,5,2005-09-06\n", "got ',5,2005-09-06'"),
        ("1:\nx1,5,2005-09-06\n", "expected a whole number, got 'x1'"),
        ("1:\n99999999999,5,2005-09-06\n", "expected a whole number, got '99999999999'"),
        ("one:\n1,5,2005-09-06\n", "expected a whole number, got 'one'"),
        ("1:\n1,5,2005-09-06\n1,4,2005-09-07\n", "got some twice"),
        ("1:\n", "expected lines with ratings, got none"),
        ("", "expected lines with ratings, got none"),
    ],
)
def test_other_lines_are_refused(text, words, tmp_path):
    (tmp_path / "combined_data_1.txt").write_text(text)
    with pytest.raises(ValueError, match=re.escape(words)):
        load_netflix_prize(tmp_path)


@pytest.mark.parametrize("probe", ["1:\n3\n", "2:\n1\n", "1:\n2\n"])
def test_a_probe_set_without_ratings_is_refused(probe, tmp_path):
    (tmp_path / "combined_data_1.txt").write_text("1:\n" + line(1, 5) + "3:\n" + line(2, 5))
    (tmp_path / "probe.txt").write_text(probe)
    with pytest.raises(ValueError, match=r"probe\.txt: expected entries with a rating in the other files"):
        load_netflix_prize(tmp_path)


def test_a_folder_without_ratings_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="which cannot be downloaded any more"):
        load_netflix_prize(tmp_path)
