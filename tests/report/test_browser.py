"""The page in a browser without a window: on a phone and on a desk nothing sticks out, fails or is missing."""

import json
import re
import shutil
import subprocess

import pytest

from matmend.report import write

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
SIZES = ((360, 800), (1280, 900))
# The page itself may run no program: one around it looks into it, at a width that a window may not have.
FRAME = """<!doctype html><html><body style="margin:0"><iframe id="f" src="page.html" width="{width}" height="{height}"
style="border:0"></iframe><pre id="found"></pre><script>
document.getElementById("f").onload = function () {{
  const inner = this.contentDocument, root = inner.documentElement, width = this.contentWindow.innerWidth;
  const out = [...inner.body.querySelectorAll("*")].filter(e => e.getBoundingClientRect().right > width + 1);
  document.getElementById("found").textContent = JSON.stringify({{
    inner: width, scroll: root.scrollWidth, height: root.scrollHeight, title: inner.title,
    images: [...inner.images].map(i => [i.complete, i.naturalWidth, i.getBoundingClientRect().width]),
    charts: [...inner.querySelectorAll("svg.chart")].map(c => c.getBoundingClientRect().width),
    out: out.filter(e => !e.closest("thead")).map(e => e.tagName + "." + e.className),
    broken: [...inner.querySelectorAll("thead th, tbody th, td.number")].filter(e => {{
      const line = inner.createRange();
      line.selectNodeContents(e);
      return !/\\s/.test(e.textContent) && line.getClientRects().length > 1;
    }}).map(e => e.textContent),
    small: Math.min(...[...inner.querySelectorAll("p, td, dd, figcaption")].map(
      e => parseFloat(getComputedStyle(e).fontSize))),
    colours: [getComputedStyle(inner.body).backgroundColor, getComputedStyle(inner.body).color],
  }});
}};
</script></body></html>"""


def first(pattern, words):
    found = re.search(pattern, words, re.DOTALL)
    assert found is not None, words[-2000:]
    return found[1]


def browse(folder, *options, name="frame.html"):
    command = [
        BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions",
        f"--user-data-dir={folder / 'profile'}", "--allow-file-access-from-files", "--virtual-time-budget=3000",
        "--enable-logging=stderr", "--v=0", *options, (folder / name).as_uri(),
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


@pytest.mark.skipif(BROWSER is None, reason="no browser (chromium) is installed")
@pytest.mark.parametrize("kind", ["table", "trained", "rated", "compared"])
def test_the_page_in_a_browser(request, tmp_path, kind):
    report = request.getfixturevalue(kind).report
    write(report, tmp_path / "page.html")
    for width, height in SIZES:
        (tmp_path / "frame.html").write_text(FRAME.format(width=width, height=height), encoding="utf-8")
        done = browse(tmp_path, "--dump-dom", "--window-size=1400,1000")
        found = json.loads(first(r'<pre id="found">(.*?)</pre>', done.stdout).replace("&amp;", "&"))
        assert not [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        assert found["inner"] in (width, width - 15)  # the bar at the side takes its place
        assert found["scroll"] <= found["inner"]
        assert found["out"] == []
        assert found["broken"] == []  # numbers and names stay in one piece beside long sentences
        assert found["height"] > height
        assert found["title"].endswith("matmend")
        assert all(complete and natural > 0 and shown > 100 for complete, natural, shown in found["images"])
        assert all(shown > 200 for shown in found["charts"])
        assert len(found["images"]) + len(found["charts"]) == sum(len(s.figures) for s in report.sections)
        assert found["small"] >= 12


@pytest.mark.skipif(BROWSER is None, reason="no browser (chromium) is installed")
def test_the_page_goes_dark(tmp_path, table):
    write(table.report, tmp_path / "page.html")
    (tmp_path / "frame.html").write_text(FRAME.format(width=360, height=800), encoding="utf-8")
    seen = set()
    for options in ((), ("--blink-settings=preferredColorScheme=0",)):
        done = browse(tmp_path, "--dump-dom", *options)
        seen.add(first(r'"colours":\["(.*?)"', done.stdout))
    assert seen == {"rgb(246, 247, 249)", "rgb(18, 22, 28)"}
