"""Files appear whole or not at all, and nothing is left behind."""

import os
import stat
from pathlib import Path

import pytest

from matmend.io import atomic_write, check_writable


def write(path, text="new", **options):
    with atomic_write(path, **options) as temporary:
        temporary.write_text(text)


def names(folder):
    return [path.name for path in folder.iterdir()]


def test_writes_a_new_file(tmp_path):
    target = tmp_path / "a.png"
    with atomic_write(target) as temporary:
        assert temporary.parent == tmp_path.resolve()
        assert temporary.suffix == ".png"
        temporary.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"
    assert names(tmp_path) == ["a.png"]


def test_relative_path_in_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("a.txt")
    assert Path("a.txt").read_text() == "new"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("overwrite", [True, False])
def test_any_exception_leaves_the_folder_as_it_was(tmp_path, error, overwrite):
    target = tmp_path / "a.txt"
    if overwrite:
        target.write_text("old")

    def fail():
        with atomic_write(target, overwrite=overwrite) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == ([("a.txt", "old")] if overwrite else [])


def test_overwrites_only_when_asked(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(ValueError, match="ask to overwrite"):
        write(target)
    with pytest.raises(ValueError, match="ask to overwrite"):
        check_writable(target)
    assert target.read_text() == "old"
    assert check_writable(target, overwrite=True) == target.resolve()
    write(target, overwrite=True)
    assert target.read_text() == "new"


@pytest.mark.parametrize("has_links", [True, False])
def test_keeps_a_file_that_appears_meanwhile(tmp_path, monkeypatch, has_links):
    if not has_links:
        monkeypatch.setattr(os, "link", refuse_link)
    target = tmp_path / "a.txt"

    def race():
        with atomic_write(target) as temporary:
            temporary.write_text("new")
            target.write_text("other")

    with pytest.raises(ValueError, match="is there"):
        race()
    assert target.read_text() == "other"
    assert names(tmp_path) == ["a.txt"]


def test_content_is_on_the_disk_before_the_name(tmp_path, monkeypatch):
    seen = []
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (seen.append((tmp_path / "a.txt").exists()), sync(descriptor)))
    write(tmp_path / "a.txt")
    assert seen == [False, True]  # the file, then the folder


def test_works_without_hard_links(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", refuse_link)
    write(tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text() == "new"
    assert names(tmp_path) == ["a.txt"]


def refuse_link(*_):
    raise PermissionError("no hard links here")


@pytest.mark.parametrize("check", [write, check_writable])
def test_says_what_is_wrong_with_the_path(tmp_path, check):
    (tmp_path / "file").write_text("")
    for path, words in [
        (tmp_path / "none" / "a.txt", "create it first"),
        (tmp_path / "file" / "a.txt", "is a file"),
        (tmp_path, "is a folder"),
        (tmp_path / "a.txt" / "..", "is a folder"),
        ("/dev/null", "device"),
    ]:
        with pytest.raises(ValueError, match=words):
            check(path, overwrite=True)
    assert names(tmp_path) == ["file"]


def test_read_only_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # not by chmod: root may write anywhere
    with pytest.raises(ValueError, match="read-only"):
        check_writable(tmp_path / "a.txt")


def test_failure_to_create_the_file_is_a_value_error(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(ValueError, match="No space left"):
        write(tmp_path / "a.txt")


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_permissions_follow_the_umask(tmp_path, umask):
    old = os.umask(umask)
    try:
        write(tmp_path / "a.txt")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o666 & ~umask


def test_a_private_file_stays_private(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    target.chmod(0o600)
    write(target, overwrite=True)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_follows_symbolic_links(tmp_path):
    (tmp_path / "real").mkdir()
    link = tmp_path / "link.txt"
    link.symlink_to(tmp_path / "real" / "a.txt")
    write(link)
    assert link.is_symlink()
    assert (tmp_path / "real" / "a.txt").read_text() == "new"


def test_long_suffix(tmp_path):
    target = tmp_path / ("a." + "b" * 250)
    write(target)
    assert target.read_text() == "new"
