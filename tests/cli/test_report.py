"""``matmend report``, and ``--report`` of the other commands."""

import json

import numpy as np
import pytest


def write_table(path, seed=0):
    rng = np.random.default_rng(seed)
    X = np.outer(rng.random(15) + 1, rng.random(6) + 1) + 0.01 * rng.normal(size=(15, 6))
    seen = rng.random(X.shape) < 0.8
    lines = [
        ",".join([f"r{i + 1}", *(f"{x:.4f}" if s else "" for x, s in zip(X[i], seen[i], strict=True))])
        for i in range(15)
    ]
    path.write_text("\n".join(["name,a,b,<b>c</b>,d,e,f", *lines]) + "\n")
    return seen


def write_ratings(path):
    rng = np.random.default_rng(0)
    pairs = np.argwhere(rng.random((20, 15)) < 0.6)
    lines = [f"u{i}\ti{j}\t{(i + j) % 5 + 1}" for i, j in pairs]
    path.write_text("\n".join(["user\titem\trating", *lines]) + "\n")
    return len(lines)


def test_a_picture(matmend, damaged):
    folder, _, seen = damaged
    code, out, err = matmend(
        "report", folder / "photo.png", "-m", folder / "mask.png", "--method", "knn", "--seed", "3", "--json"
    )
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told["page"] == str(folder / "photo-report.html")
    assert (told["method"], told["kind"]) == ("knn", "picture")
    assert told["missing"] == pytest.approx(1 - seen.mean())
    html = (folder / "photo-report.html").read_text(encoding="utf-8")
    assert "the mask&#39;s white pixels" in html
    assert "--method knn --seed 3" in html
    assert matmend("report", folder / "photo.png", "-m", folder / "mask.png", "--method", "knn")[0] == 2


def test_a_table(matmend, tmp_path):
    seen = write_table(tmp_path / "t.csv")
    page = tmp_path / "page.html"
    code, out, err = matmend("report", tmp_path / "t.csv", "-o", page, "--intervals", "0.8", "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told["missing"] == pytest.approx(1 - seen.mean())
    assert told["method"] in told["scores"]
    html = page.read_text(encoding="utf-8")
    assert "&lt;b&gt;c&lt;/b&gt;" in html
    assert "<b>c</b>" not in html
    for title in ("How the methods compare", "How sure it is", "What was chosen, and why"):
        assert title in html
    assert "80 %" in html


def test_ratings(matmend, tmp_path):
    number = write_ratings(tmp_path / "r.tsv")
    code, out, err = matmend("report", tmp_path / "r.tsv", "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told["ratings"] == number
    html = (tmp_path / "r-report.html").read_text(encoding="utf-8")
    assert f"<dd>{number:,}</dd>" in html
    assert "Errors on ratings held out" in html


def test_the_page_of_complete(matmend, damaged):
    folder, _, _ = damaged
    page = folder / "page.html"
    arguments = ("complete", folder / "photo.png", "-m", folder / "mask.png", "--method", "mean", "--report", page)
    code, _, err = matmend(*arguments, "-o", folder / "out.png")
    assert code == 0
    assert "page.html" in err
    assert "The result" in page.read_text(encoding="utf-8")
    assert (folder / "out.png").exists()
    code, _, err = matmend(*arguments, "-o", folder / "out2.png")
    assert code == 2
    assert "page.html is there" in err
    assert not (folder / "out2.png").exists()


def test_the_page_of_complete_tells_of_intervals_too(matmend, damaged):
    folder, _, _ = damaged
    page = folder / "page.html"
    code, out, _ = matmend(
        "complete", folder / "photo.png", "-m", folder / "mask.png", "--method", "knn", "--report", page,
        "--intervals", "0.8", "--json",
    )  # fmt: skip
    assert code == 0
    html = page.read_text(encoding="utf-8")
    assert "calibrat" in html
    assert "--intervals 0.8" in html  # in the command that does it again
    assert json.loads(out)["intervals"]["coverage"] == 0.8


def test_what_does_it_again_says_which_colour_is_missing(matmend, damaged):
    """Without it the mask would be read the other way round, or not at all."""
    folder, _, _ = damaged
    asked = (folder / "photo.png", "-m", folder / "mask.png", "--missing", "black")  # 70 % are
    again = f"{folder / 'photo.png'} --mask {folder / 'mask.png'} --missing black"
    code, _, err = matmend("complete", *asked, "--method", "knn", "--report", folder / "page.html", "--device", "cpu")
    assert code == 0, err
    html = (folder / "page.html").read_text(encoding="utf-8")
    assert f"matmend complete {again} --method knn --seed 0 --device cpu" in html
    page = folder / "compared.html"
    code, _, err = matmend("compare", *asked, "--methods", "mean,zeros", "--report", page, "--holdout", "0.2")
    assert code == 0, err
    assert f"matmend complete {again} --method mean\n" in err
    html = page.read_text(encoding="utf-8")
    assert f"matmend compare {again} --methods mean,zeros --seed 0 --holdout 0.2 --repeats 1" in html


def test_the_page_of_complete_on_a_table(matmend, tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 1)) @ rng.normal(size=(1, 6)) + 0.1 * rng.normal(size=(40, 6))
    X[rng.random(X.shape) < 0.2] = np.nan
    names = [f"sensor {k}" for k in range(6)]
    text = "\n".join([",".join(names), *(",".join("" if np.isnan(x) else repr(float(x)) for x in row) for row in X)])
    (tmp_path / "t.csv").write_text(text + "\n")
    page = tmp_path / "page.html"
    asked = ("complete", tmp_path / "t.csv", "--method", "soft_impute", "--intervals", "0.9", "--report", page)
    code, _, err = matmend(*asked)
    assert code == 0
    assert "Page:" in err
    html = page.read_text(encoding="utf-8")
    assert all(name in html for name in names)
    assert "It was asked for." in html
    assert "t.csv --method soft_impute --intervals 0.9 --seed 0" in html
    (tmp_path / "t-filled.csv").unlink()
    code, _, err = matmend(*asked)
    assert code == 2
    assert "page.html is there" in err
    assert not (tmp_path / "t-filled.csv").exists()
    code, out, _ = matmend(*asked, "-o", "-", "--overwrite")
    assert code == 2  # bounds would have no name
    code, out, _ = matmend(
        "complete", tmp_path / "t.csv", "--method", "mean", "-o", "-", "--report", page, "--overwrite"
    )
    assert code == 0
    assert out.startswith("sensor 0,")
    assert "soft_impute" not in page.read_text(encoding="utf-8")


def test_the_page_of_compare(matmend, damaged):
    folder, _, _ = damaged
    page = folder / "page.html"
    code, out, _ = matmend(
        "compare", folder / "photo.png", "-m", folder / "mask.png", "--methods", "mean,knn", "--report", page, "--json"
    )
    assert code == 0
    html = page.read_text(encoding="utf-8")
    assert "How the methods compare" in html
    for score in json.loads(out)["scores"]:
        assert score["method"] in html
    assert "What mean made of the picture" in html


def test_the_page_of_compare_on_ratings(matmend, tmp_path):
    write_ratings(tmp_path / "r.tsv")
    from matmend.methods.ratings.comparing import runnable_raters

    rater = next(name for name in runnable_raters() if name != "ratings")
    code, _, err = matmend("compare", tmp_path / "r.tsv", "--methods", rater, "--report", tmp_path / "p.html", "-q")
    assert (code, err) == (0, "")
    html = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert "How the methods compare" in html
    assert rater in html


BAD = {
    "no page": (("t.csv", "-o", "page.pdf"), "ends in .html"),
    "mask for a table": (("t.csv", "--mask", "t.csv"), "--mask is for pictures"),
    "method for ratings": (("r.tsv", "--method", "knn"), "--method is for pictures and tables"),
    "missing file": (("nowhere.csv",), "nowhere.csv"),
    "nothing missing": (("full.npy",), "Nothing is missing"),
    "a mask": (("mask.npy",), "matmend inspect"),
    "coverage": (("t.csv", "--intervals", "1.5"), "1.5"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gives_one_line(matmend, tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    write_table(tmp_path / "t.csv")
    write_ratings(tmp_path / "r.tsv")
    np.save(tmp_path / "full.npy", np.ones((3, 3)))
    np.save(tmp_path / "mask.npy", np.eye(3, dtype=bool))
    arguments, words = BAD[case]
    code, out, err = matmend("report", *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert "Traceback" not in err
    assert not list(tmp_path.glob("*.html"))
