"""The page: what is in it is what was found, and nothing in it leads out of it or breaks it."""

import base64
import io
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image as Pillow

from matmend.matrix import Dense
from matmend.methods import registry
from matmend.report import Grid, Report, Section, page, write
from matmend.report.numbers import value
from matmend.spectrum import effective_rank, singular_values

from .conftest import EVIL, small_table

VOID = {"meta", "link", "img", "br", "hr", "input"}


class Page(HTMLParser):
    """Tags with their attributes and the text in them; complains of tags that are not closed."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.texts, self.open = [], [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and data.strip():
            self.texts.append((self.open[-1], data.strip()))

    def of(self, tag):
        return [text for name, text in self.texts if name == tag]


def facts(section):
    return dict(section.facts)


@pytest.fixture(params=["table", "trained", "rated"])
def html(request):
    return page(request.getfixturevalue(request.param).report)


def test_nothing_leads_out_of_the_page(html):
    found = Page(html)
    for tag, attributes in found.tags:
        assert tag not in {"script", "iframe", "object", "embed", "form", "base", "audio", "video"}
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "srcset", "action", "data", "poster", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:")), (tag, attributes)
    style = "".join(found.of("style"))
    assert "@import" not in style
    assert "url(" not in style
    policy = next(a["content"] for tag, a in found.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")


def test_the_page_can_be_read_by_all(html):
    found = Page(html)
    headings = [tag for tag, _ in found.tags if tag in {"h1", "h2", "h3", "h4"}]
    assert headings.count("h1") == 1
    assert headings[0] == "h1"
    assert set(headings[1:]) == {"h2"}
    images = [a for tag, a in found.tags if tag == "img"]
    assert all(a["alt"].strip() for a in images)
    charts = [a for tag, a in found.tags if tag == "svg" and a.get("class") == "chart"]
    assert images or charts
    assert all(a["aria-label"].strip() for a in charts)
    assert [tag for tag, _ in found.tags].count("caption") == [tag for tag, _ in found.tags].count("table")
    assert all(a.get("scope") in {"row", "col"} for tag, a in found.tags if tag == "th")
    assert dict(found.tags)["html"]["lang"] == "en"
    ids = [a["id"] for _, a in found.tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for tag, a in found.tags if tag == "a"} <= set(ids)


def test_hostile_names_are_shown_and_not_followed(table):
    html = page(table.report)
    found = Page(html)
    assert not any(tag == "script" for tag, _ in found.tags)
    assert found.of("h1") == [f"{EVIL[0]}.csv"]
    assert {EVIL[0], EVIL[1], EVIL[3]} <= set(found.of("th"))
    assert EVIL[2] in found.of("p")
    assert EVIL[1] in found.of("p")
    assert f"matmend report '{EVIL[0]}'" in found.of("code")
    assert "49" not in [text for _, text in found.texts]


def test_every_picture_is_one(html):
    sources = [a["src"] for tag, a in Page(html).tags if tag == "img"]
    assert sources
    for source in sources:
        head, _, body = source.partition(",")
        assert head == "data:image/png;base64"
        assert Pillow.open(io.BytesIO(base64.b64decode(body))).size > (0, 0)


SECTIONS = {
    "table": {"given", "result", "verdict", "choice", "comparison", "spectrum", "intervals", "again"},
    "trained": {"given", "result", "verdict", "choice", "training", "spectrum", "graphs", "again"},
    "rated": {"given", "result", "verdict", "choice", "training", "spectrum", "again"},
}


@pytest.mark.parametrize("kind", SECTIONS)
def test_sections_are_there_if_there_is_something_to_say(request, kind):
    report = request.getfixturevalue(kind).report
    there = {name for name, part in vars(report).items() if isinstance(part, Section)}
    assert there == SECTIONS[kind]
    assert Page(page(report)).of("h2") == [section.title for section in report.sections]
    assert all(section.meaning.endswith(".") for section in report.sections)


def test_without_a_verdict_there_is_none():
    X = small_table()
    report = Report.of_completion(registry["mean"](X), X, title="small", verdict=False)
    assert report.verdict is None
    assert report.comparison is None
    assert report.training is None


def test_the_numbers_are_those_of_the_completion(trained):
    report, done = trained.report, trained.done
    missing = int((~trained.seen).sum())
    assert facts(report.given)["Missing"].startswith(f"{missing:,} ")
    assert facts(report.result)["Expected error (RMS)"] == f"{100 * done.expected_rmse:.1f} % of the full range"
    chosen = facts(report.choice)
    assert (chosen["Method"], chosen["Seed"], chosen["Depth"]) == ("air", "0", "2")
    assert chosen["Steps made"] == f"{done.steps:,}"
    assert chosen["Step of the result"] == f"{done.step:,}"
    errors = report.training.figures[0]
    np.testing.assert_allclose(errors.lines[0].y, done.record["rmse"], rtol=1e-6)
    np.testing.assert_allclose(errors.lines[1].y, done.record["heldout_rmse"], rtol=1e-6)
    assert errors.mark == done.step
    sigma = singular_values(Dense(done.X_hat.astype(np.float64)))
    assert facts(report.spectrum)["Effective rank"] == f"{float(effective_rank(sigma)):.4g}"
    np.testing.assert_allclose(report.spectrum.figures[0].lines[0].y[:3], sigma[:3], rtol=1e-5)


def test_the_verdict_is_that_of_the_mask(trained):
    told = facts(trained.report.verdict)
    assert told["Rows without any entry"] == "1"
    assert told["Components"] == "2"
    open_ = trained.seen.shape[1]
    assert f"No rank determines {open_} entries" in page(trained.report)


def test_pictures_before_and_after(trained):
    before, after = (np.asarray(Pillow.open(io.BytesIO(x.png))) for x in trained.report.result.figures)
    red = np.round(255 * np.array([0.85, 0.10, 0.35])).astype(np.uint8)
    assert (before[~trained.seen] == red).all()
    expected = np.round(255 * np.clip(trained.done.completed, 0, 1))
    assert np.abs(after[..., 0] - expected).max() <= 1


def test_a_table_of_filled_columns(table):
    (grid,) = table.report.result.grids
    missing = np.isnan(table.X)
    rows = {row[0]: row for row in grid.rows}
    assert len(grid.rows) == missing.any(axis=0).sum() > 1
    for j, name in enumerate([*EVIL, *(f"column {j}" for j in range(4))]):
        if missing[:, j].any():
            filled = table.done.completed[missing[:, j], j]
            assert rows[name][1] == str(filled.size)
            assert rows[name][3] == value(filled.mean())


def test_the_comparison_is_ranked_as_the_scores_are(table):
    (grid,) = table.report.comparison.grids
    assert [row[0] for row in grid.rows] == [score.method for score in table.scores]
    assert grid.rows[0][1] == value(table.scores[0].nmae)
    assert grid.chosen == 0


def test_intervals_say_their_coverage(table):
    told = facts(table.report.intervals)
    assert (told["Coverage asked for"], told["Entries they are calibrated on"]) == ("90 %", "1,234")
    assert {row[2:] for row in table.report.intervals.grids[0].rows} == {("4", "4")}


def test_ratings(rated):
    told = facts(rated.report.given)
    assert told["Ratings"] == f"{rated.ratings.values.size:,}"
    assert facts(rated.report.result)["Expected error (RMS)"] == value(rated.model.heldout_error)
    counts = rated.report.given.figures[0].lines[0]
    assert dict(zip(counts.x, counts.y, strict=True)) == {
        level: np.sum(rated.ratings.values == level) for level in np.unique(rated.ratings.values)
    }


def test_a_large_picture_stays_small():
    rng = np.random.default_rng(0)
    X = rng.random((512, 512, 3)).astype(np.float32)  # noise: nothing packs worse
    seen = rng.random((512, 512)) < 0.7
    done = registry["mean"](X, seen)
    assert len(page(Report.of_completion(done, X, seen, title="noise.png", verdict=False))) < 3e6


def test_a_page_is_written_whole_or_not_at_all(tmp_path, table):
    path = tmp_path / "page.html"
    write(table.report, path)
    assert path.read_text(encoding="utf-8") == page(table.report)
    with pytest.raises(ValueError, match="is there"):
        write(table.report, path)
    write(Report("other", Section("What was given", "Nothing.")), path, overwrite=True)
    assert "other" in path.read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_report_gives_the_same_page(table):
    assert page(table.report) == page(table.report)


BAD = {
    "array": ({"observed": np.ones((3, 3))}, "Expected an array of shape"),
    "mask": ({"mask": np.ones((2, 2), bool)}, "mask of its first two axes"),
    "names": ({"names": (None, ["a"])}, "names of columns"),
    "kind": ({"kind": "film"}, "'picture'"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_does_not_fit_is_refused(table, case):
    change, words = BAD[case]
    arguments = {"observed": table.X, "mask": None, "title": "t", "verdict": False} | change
    with pytest.raises(ValueError, match=words):
        Report.of_completion(table.done, arguments.pop("observed"), arguments.pop("mask"), **arguments)


def test_a_grid_with_a_cell_too_few_is_refused():
    with pytest.raises(ValueError, match="Expected 2 cells"):
        Grid("sizes", ("a", "b"), (("1",),), (True, True))


def test_how_the_expected_error_was_measured_is_told_of_each_method():
    y, x = np.indices((24, 24))
    X = np.sin(x / 3) * np.cos(y / 4) / 2 + 0.5
    seen = np.random.default_rng(0).random(X.shape) > 0.2
    told = {}
    for method, settings in (("patches", {"preset": "fast"}), ("soft_impute", {})):
        done = registry[method](X, seen, seed=0, **settings)
        assert done.expected_rmse is not None
        told[method] = page(Report.of_completion(done, X, seen, title="waves", kind="picture", verdict=False))
    assert "held out in the shape of what is missing" in told["patches"]
    assert "Missing ones that lie together" in told["soft_impute"]
