"""``matmend inspect``: its numbers are those of networkx and of dense linear algebra, and its words say them."""

import json
import subprocess
import sys

import networkx as nx
import numpy as np
import pytest
from PIL import Image
from scipy import sparse

GLUED = np.array(  # two K_{3,3} that share the entry (3, 3), which is not observed
    [[1, 1, 1, 0, 0], [1, 1, 1, 0, 0], [1, 1, 0, 1, 1], [0, 0, 1, 1, 1], [0, 0, 1, 1, 1]], bool
)


def graph_of(mask):
    graph = nx.Graph()
    graph.add_nodes_from(("row", i) for i in range(mask.shape[0]))
    graph.add_nodes_from(("col", j) for j in range(mask.shape[1]))
    graph.add_edges_from((("row", int(i)), ("col", int(j))) for i, j in np.argwhere(mask))
    return graph


def determined_share(mask, rank, seed=0):
    """Share of the missing entries whose row of the Jacobian lies in the span of the observed ones: by a dense SVD."""
    m, n = mask.shape
    rng = np.random.default_rng(seed)
    U, V = rng.normal(size=(m, rank)), rng.normal(size=(n, rank))
    J = np.zeros((m, n, (m + n) * rank))
    for i in range(m):
        for j in range(n):
            J[i, j, i * rank : (i + 1) * rank] = V[j]
            J[i, j, (m + j) * rank : (m + j + 1) * rank] = U[i]
    _, sigma, Vt = np.linalg.svd(J[mask], full_matrices=True)
    number = int((sigma > 1e-9 * sigma[0]).sum())
    outside = J[~mask] @ Vt[number:].T
    return number, float((np.linalg.norm(outside, axis=1) < 1e-8).mean())


def write_table(path, mask):
    X = np.where(mask, np.arange(mask.size).reshape(mask.shape) % 7 + 1.5, np.nan)
    names = [f"c{j + 1}" for j in range(mask.shape[1])]
    lines = [",".join([f"r{i + 1}", *("" if np.isnan(x) else f"{x}" for x in row)]) for i, row in enumerate(X)]
    path.write_text("\n".join([",".join(["name", *names]), *lines]) + "\n")
    return path


def report_on(matmend, *arguments):
    code, out, err = matmend("inspect", *arguments, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def random_masks():
    rng = np.random.default_rng(0)
    blocks = np.zeros((14, 12), bool)
    blocks[:6, :5] = rng.random((6, 5)) < 0.6
    blocks[6:12, 5:11] = rng.random((6, 6)) < 0.5
    return {
        "glued": GLUED,
        "blocks": blocks,
        "sparse": rng.random((11, 13)) < 0.15,
        "dense": rng.random((10, 9)) < 0.7,
        "tree": np.tri(6, dtype=bool) & ~np.tri(6, k=-2, dtype=bool),
    }


@pytest.mark.parametrize("name", random_masks())
def test_the_numbers_are_those_of_referees(matmend, tmp_path, name):
    mask = random_masks()[name]
    report = report_on(matmend, write_table(tmp_path / "table.csv", mask), "--rank", "2")
    graph = graph_of(mask)
    parts = list(nx.connected_components(graph))
    inside = [(sum(k == "row" for k, _ in part), sum(k == "col" for k, _ in part)) for part in parts]
    links = report["connectivity"]
    assert report["shape"] == list(mask.shape)
    assert report["observed"] == mask.sum()
    assert links["components"] == len(parts)
    assert links["components_with_entries"] == sum(a > 0 and b > 0 for a, b in inside)
    assert links["between_components"] == mask.size - sum(a * b for a, b in inside)
    assert links["isolated_rows"] == (~mask.any(axis=1)).sum()
    assert report["observe_next"]["connecting"] == len(parts) - 1
    shapes = sorted((p["rows"], p["cols"], p["entries"]) for p in links["largest"])
    assert (
        shapes
        == sorted(
            (a, b, graph.subgraph(part).number_of_edges())
            for part, (a, b) in zip(parts, inside, strict=True)
            if a > 0 and b > 0
        )[: len(shapes)]
    )
    trouble = report["trouble"]
    assert trouble["bridges"]["count"] == len(list(nx.bridges(graph)))
    cuts = set(nx.articulation_points(graph))
    assert trouble["cut_rows"]["count"] + trouble["cut_cols"]["count"] == len(cuts)
    assert {f"r{i + 1}" for kind, i in cuts if kind == "row"} >= set(trouble["cut_rows"]["examples"])
    for rung in report["ranks"]:
        r = rung["rank"]
        number, share = determined_share(mask, r)
        assert rung["deficit"] == r * (sum(mask.shape) - r) - number
        assert rung["determined"] == pytest.approx(share)
        assert rung["determined"] <= rung["at_most"] + 1e-12
        core = nx.k_core(graph, r)
        assert rung["can_rows"] + rung["can_cols"] == core.number_of_nodes()
    assert report["observe_next"]["needed"] == next(r["deficit"] for r in report["ranks"] if r["rank"] == 2)


def test_the_largest_rank_is_the_last_at_which_nothing_is_open(matmend, tmp_path):
    mask = random_masks()["dense"]
    report = report_on(matmend, write_table(tmp_path / "table.csv", mask))
    largest = report["largest_rank"]
    assert largest["at_least"] == largest["at_most"]
    m, n = mask.shape
    full = [determined_share(mask, r)[0] == r * (m + n - r) for r in range(1, min(m, n) + 1)]
    assert largest["at_most"] == (full.index(False) if False in full else min(m, n))


def test_the_oracle_of_two_glued_blocks(matmend, tmp_path):
    report = report_on(matmend, write_table(tmp_path / "glued.csv", GLUED), "--rank", "2")
    by_rank = {rung["rank"]: rung for rung in report["ranks"]}
    assert by_rank[1]["completable"]
    assert by_rank[2]["deficit"] == 1
    assert by_rank[2]["determined"] == pytest.approx(1 / 9)


def test_what_is_proposed_completes_the_mask(matmend, tmp_path):
    mask = random_masks()["blocks"]
    advice = report_on(matmend, write_table(tmp_path / "table.csv", mask), "--rank", "2")["observe_next"]
    for left in range(advice["needed"], 0, -1):
        assert advice["needed"] == left
        entry = advice["entries"][0]
        mask[int(entry["row"][1:]) - 1, int(entry["col"][1:]) - 1] = True
        advice = report_on(matmend, write_table(tmp_path / "table.csv", mask), "--rank", "2")["observe_next"]
    assert advice["needed"] == 0
    assert determined_share(mask, 2)[1] == 1


def test_the_kinds_of_input_agree(matmend, tmp_path):
    """The same mask as a table, a matrix, a mask, a picture, and four lists of entries."""
    mask = random_masks()["blocks"]
    rows, cols = np.nonzero(mask)
    X = np.where(mask, 1.5, np.nan)
    np.save(tmp_path / "matrix.npy", X)
    np.save(tmp_path / "mask.npy", mask)
    sparse.save_npz(tmp_path / "sparse.npz", sparse.coo_array((np.ones(rows.size), (rows, cols)), shape=mask.shape))
    Image.fromarray(np.full(mask.shape, 99, np.uint8)).save(tmp_path / "photo.png")
    Image.fromarray(np.where(mask, 0, 255).astype(np.uint8)).save(tmp_path / "drawn.png")
    inputs = [
        (write_table(tmp_path / "table.csv", mask),),
        (tmp_path / "matrix.npy",),
        (tmp_path / "mask.npy",),
        (tmp_path / "sparse.npz",),
        (tmp_path / "photo.png", "--mask", tmp_path / "drawn.png", "--missing", "white"),
    ]
    reports = [report_on(matmend, *input_) for input_ in inputs]
    assert [report["kind"] for report in reports] == ["table", "table", "mask", "ratings", "picture"]
    for report in reports[1:]:
        assert report["ranks"] == reports[0]["ranks"]
        assert report["connectivity"]["between_components"] == reports[0]["connectivity"]["between_components"]


def test_ratings_are_called_by_their_ids(matmend, tmp_path):
    lines = [f"{u}\t{i}\t{(u + i) % 5 + 1}\t{900_000_000 + u}" for u in (11, 22, 33) for i in (7, 8)]
    (tmp_path / "u.data").write_text("\n".join([*lines, "44\t99\t3\t900000000", "11\t7\t5\t999999999"]) + "\n")
    report = report_on(matmend, tmp_path / "u.data")
    assert report["kind"] == "ratings"
    assert (report["row_word"], report["col_word"]) == ("user", "item")
    assert report["connectivity"]["components"] == 2
    assert report["trouble"]["least_cols"]["examples"] == ["99"]
    assert report["trouble"]["bridges"]["examples"] == [{"row": "44", "col": "99", "cuts_off": 1}]
    assert any("rates again" in note for note in report["notes"])
    code, out, _ = matmend("inspect", tmp_path / "u.data")
    assert code == 0
    assert "there are 2 parts that share no user and no item" in " ".join(out.split())


def test_words_for_people(matmend, tmp_path, monkeypatch):
    mask = np.ones((20, 16), bool)
    mask[3:5] = mask[:, 9] = mask[0, 0] = False
    Image.fromarray(np.full(mask.shape, 99, np.uint8)).save(tmp_path / "photo.png")
    Image.fromarray(np.where(mask, 0, 255).astype(np.uint8)).save(tmp_path / "mask.png")
    for width in (80, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        code, out, err = matmend("inspect", tmp_path / "photo.png", "-m", tmp_path / "mask.png")
        assert (code, err) == (0, "")
        assert max(map(len, out.splitlines())) <= width
    words = " ".join(out.split())
    open_ = 20 * 16 - 18 * 15
    assert f"No rank determines {open_} entries" in words
    assert "2 rows without any observed entry and 1 column without any observed entry" in words
    assert "Nothing is observed of rows 4-5." in words
    assert "Nothing is observed of column 10." in words
    assert "3 entries connect the mask" in words
    assert matmend("inspect", tmp_path / "photo.png", "-m", tmp_path / "mask.png", "-q")[1:] == ("", "")


def test_a_mask_that_hangs_together(matmend, tmp_path):
    code, out, _ = matmend(
        "inspect", write_table(tmp_path / "t.csv", np.arange(100).reshape(10, 10) % 11 > 1), "-r", "2"
    )
    words = " ".join(out.split())
    assert code == 0
    assert "The observed entries hang together" in words
    assert "Nothing for rank 2: everything is determined." in words


def test_nothing_missing(matmend, tmp_path):
    code, out, _ = matmend("inspect", write_table(tmp_path / "t.csv", np.ones((3, 4), bool)))
    assert code == 0
    assert "Nothing is missing" in out


def test_names_with_brackets_are_printed(matmend, tmp_path):
    (tmp_path / "t[bold].csv").write_text("id,a[red],b\nx[/],1,\ny,2,3\n")
    code, out, _ = matmend("inspect", tmp_path / "t[bold].csv")
    assert code == 0
    assert "t[bold].csv" in out.replace("\n", "")
    assert "x[/]" in out


def test_a_figure(matmend, tmp_path):
    table = write_table(tmp_path / "t.csv", random_masks()["blocks"])
    code, _, err = matmend("inspect", table, "--plot", tmp_path / "plot.png")
    assert code == 0
    assert "plot.png" in err
    assert np.asarray(Image.open(tmp_path / "plot.png")).size > 100_000
    code, _, err = matmend("inspect", table, "--plot", tmp_path / "plot.png")
    assert code == 2
    assert "plot.png is there" in err


BAD = {
    "missing file": (("nowhere.csv",), "nowhere.csv"),
    "ambiguous": (("both.csv",), "--as table or --as ratings"),
    "mask for a table": (("table.csv", "--mask", "table.csv"), "--mask is for pictures"),
    "rank too high": (("table.csv", "--rank", "6"), "expected 1 to 5"),
    "everything missing": (("empty.npy",), "Everything is missing"),
    "not ratings": (("table.csv", "--as", "ratings"), "2 to 4 columns"),
    "unknown figure": (("table.csv", "--plot", "p.xyz"), "xyz"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gives_one_line(matmend, tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    write_table(tmp_path / "table.csv", GLUED)
    (tmp_path / "both.csv").write_text("1,2,3\n4,5,6\n")
    np.save(tmp_path / "empty.npy", np.full((3, 3), np.nan))
    arguments, word = BAD[case]
    code, out, err = matmend("inspect", *arguments)
    assert code == 2
    assert out == ""
    assert word in err
    assert "Traceback" not in err
    assert len([line for line in err.splitlines() if line.startswith("matmend:")]) == 1


def test_what_can_be_both_is_read_as_told(matmend, tmp_path):
    (tmp_path / "both.csv").write_text("1,2,3\n4,5,6\n")
    assert report_on(matmend, tmp_path / "both.csv", "--as", "table")["shape"] == [2, 3]
    assert report_on(matmend, tmp_path / "both.csv", "--as", "ratings")["shape"] == [2, 2]


def test_a_large_list_takes_the_short_ways_and_keeps_the_bounds(matmend, tmp_path, monkeypatch):
    from matmend.report.verdict import findings, ranks

    rng = np.random.default_rng(0)
    rows, cols = (np.minimum(rng.pareto(1.2, 6000) * 8, size - 1).astype(int) for size in (400, 300))
    np.savez(tmp_path / "list.npz", rows=rows, cols=cols)
    slow = report_on(matmend, tmp_path / "list.npz", "--rank", "3")
    for module in (findings, ranks):
        monkeypatch.setattr(module, "LARGE", 1000)
    quick = report_on(matmend, tmp_path / "list.npz", "--rank", "3")
    assert quick["connectivity"]["spectral_gap"] is None
    exact = {rung["rank"]: rung for rung in slow["ranks"]}
    assert any(rung["determined"] is None for rung in quick["ranks"])
    for rung in quick["ranks"]:
        assert rung["at_most"] >= exact[rung["rank"]]["determined"]
        if rung["determined"] is not None:
            assert rung["determined"] == exact[rung["rank"]]["determined"]
    assert quick["largest_rank"]["at_least"] <= slow["largest_rank"]["at_most"] <= quick["largest_rank"]["at_most"]


def test_jax_is_not_started(tmp_path):
    path = write_table(tmp_path / "t.csv", GLUED)
    program = (
        "import sys\nfrom matmend.cli.inspection import Inspection, inspect\nfrom pathlib import Path\n"
        f"inspect(Inspection(Path({str(path)!r})), quiet=True)\n"
        "print('jax' in sys.modules, 'matplotlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
