import hashlib
import http.server
import threading
from functools import partial

import pooch
import pytest

from matmend.datasets._cache import fetch

CONTENT = b"1 2 3\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
RELATIVE = "numbers/three.txt"
SILENT = "http://127.0.0.1:9/three.txt"  # the discard port: nobody answers


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    requests: list[str]

    def log_message(self, format, *args):  # noqa: A002
        del format
        self.requests.append(str(args[0]))


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """An empty cache of the user's, and no data folder."""
    monkeypatch.delenv("MATMEND_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path / "cache" / project)
    return tmp_path / "cache" / "matmend"


@pytest.fixture
def server(tmp_path):
    """A web server with one file; returns its address and the requests it has seen."""
    published = tmp_path / "published"
    published.mkdir()
    (published / "three.txt").write_bytes(CONTENT)
    QuietHandler.requests = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=published)) as web:
        thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{web.server_address[1]}", QuietHandler.requests
        web.shutdown()
        thread.join()


def put(folder, content=CONTENT):
    path = folder / RELATIVE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_given_folder_is_the_only_one_looked_into(cache, server, monkeypatch, tmp_path):
    address, requests = server
    monkeypatch.setenv("MATMEND_DATA", str(tmp_path / "environment"))
    put(tmp_path / "environment")
    path = put(tmp_path / "given")
    assert fetch(RELATIVE, f"{address}/three.txt", SHA256, folder=str(tmp_path / "given")) == path
    with pytest.raises(FileNotFoundError, match=r"empty.*three.txt: expected a file, got none; put it there"):
        fetch(RELATIVE, f"{address}/three.txt", SHA256, folder=tmp_path / "empty")
    assert not requests


def test_the_folder_of_the_environment_comes_before_the_cache(cache, monkeypatch, tmp_path):
    put(cache)
    path = put(tmp_path / "environment")
    monkeypatch.setenv("MATMEND_DATA", str(tmp_path / "environment"))
    assert fetch(RELATIVE, SILENT, SHA256) == path


def test_a_file_that_is_in_no_folder_is_downloaded_once(cache, server, monkeypatch, tmp_path):
    address, requests = server
    (tmp_path / "environment").mkdir()
    monkeypatch.setenv("MATMEND_DATA", str(tmp_path / "environment"))
    path = fetch(RELATIVE, f"{address}/three.txt", SHA256)
    assert path == cache / RELATIVE
    assert path.read_bytes() == CONTENT
    assert fetch(RELATIVE, f"{address}/three.txt", SHA256) == path
    assert len(requests) == 1
    assert fetch(RELATIVE, SILENT, SHA256) == path  # from now on without network
    assert not list((tmp_path / "environment").iterdir())


@pytest.mark.parametrize("where", ["given", "environment"])
def test_a_wrong_file_in_a_folder_is_an_error_and_stays(where, cache, server, monkeypatch, tmp_path):
    address, requests = server
    path = put(tmp_path / where, b"other")
    found = hashlib.sha256(b"other").hexdigest()
    if where == "environment":
        monkeypatch.setenv("MATMEND_DATA", str(tmp_path / where))
    with pytest.raises(ValueError, match=f"three.txt: expected SHA-256 {SHA256}, got {found}; take the authors' file"):
        fetch(RELATIVE, f"{address}/three.txt", SHA256, folder=tmp_path / where if where == "given" else None)
    assert path.read_bytes() == b"other"
    assert not requests


def test_a_wrong_download_is_an_error_and_leaves_nothing(cache, server):
    address, _ = server
    found, wanted = SHA256, "0" * 64
    with pytest.raises(ValueError, match=f"{RELATIVE}: expected SHA-256 {wanted}, got {found}; .*{address}/three.txt"):
        fetch(RELATIVE, f"{address}/three.txt", wanted)
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_a_wrong_file_in_the_cache_is_replaced(cache, server):
    path = put(cache, b"half of a")
    with pytest.raises(FileNotFoundError, match=r"three.txt \(the file there now has another SHA-256\)"):
        fetch(RELATIVE, SILENT, SHA256)
    assert path.read_bytes() == b"half of a"
    assert fetch(RELATIVE, f"{server[0]}/three.txt", SHA256).read_bytes() == CONTENT


def test_without_network_the_message_says_where_to_put_the_file(cache):
    with pytest.raises(FileNotFoundError) as caught:
        fetch(RELATIVE, SILENT, SHA256, instead="use numpy.arange()")
    message = str(caught.value)
    assert message.startswith(f"{RELATIVE}: expected to download {SILENT}, got ConnectionError")
    assert f"put the file at {cache / RELATIVE} or into a data folder" in message
    assert message.endswith("(set the environment variable MATMEND_DATA or pass folder=...), or use numpy.arange().")
    put(cache)
    assert fetch(RELATIVE, SILENT, SHA256) == cache / RELATIVE  # which helps


def test_a_page_that_is_gone_is_reported_as_such(cache, server):
    with pytest.raises(FileNotFoundError, match=r"expected to download .*/gone.txt, got HTTPError: 404"):
        fetch(RELATIVE, f"{server[0]}/gone.txt", SHA256)


def test_the_cache_is_the_usual_one_of_this_user():
    assert pooch.os_cache("matmend").name == "matmend"
