"""Find the files of a data set: in a given folder, the folder ``MATMEND_DATA``, or the user's cache by download."""

import hashlib
import os
from pathlib import Path
from typing import Any, cast

__all__ = ["fetch", "find_data_folder"]


def find_data_folder() -> Path | None:
    """Find the folder of data files, ``Path(os.environ["MATMEND_DATA"])``.

    Returns
    -------
    Path or None
        The folder, or None if the variable is unset or empty.

    Raises
    ------
    FileNotFoundError
        If the variable is set but names no folder.

    Examples
    --------
    >>> folder = find_data_folder()
    >>> folder is None or folder.is_dir()
    True
    """
    value = os.environ.get("MATMEND_DATA")
    if not value:
        return None
    folder = Path(value).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(f"MATMEND_DATA: expected a folder, got {value!r}; correct or unset the variable.")
    return folder


def fetch(
    relative: str, url: str, sha256: str, *, folder: str | os.PathLike[str] | None = None, instead: str = ""
) -> Path:
    """Find a data file, or download it, and return its path once its checksum is right.

    Parameters
    ----------
    relative : str
        Path of the file in a data folder, with forward slashes: ``"images/Barbara.jpg"``.
    url : str
        Where it is published, http or https.
    sha256 : str
        SHA-256 of its bytes, 64 lower-case hexadecimal digits.
    folder : path, optional
        The only place to look, if given: nothing is downloaded. By default first :func:`find_data_folder`, then the
        user's cache (``pooch.os_cache("matmend")``), where the file is downloaded to if it is not there.
    instead : str, optional
        What to use where the file cannot be had; the end of the error message.

    Returns
    -------
    Path
        A file with that checksum.

    Raises
    ------
    ValueError
        If a file is there but its checksum is another; the message has both.
    FileNotFoundError
        If the file is not in `folder`, or cannot be downloaded; the message says where to put it.

    Notes
    -----
    A download appears in the cache under its name only once it is complete and its checksum is right. A wrong file in
    the cache is replaced; one in a folder of the user's is an error and is left alone.

    Examples
    --------
    >>> import tempfile
    >>> empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    >>> with tempfile.TemporaryDirectory() as here:
    ...     (Path(here) / "nothing.txt").touch()
    ...     fetch("nothing.txt", "https://example.org/nothing.txt", empty, folder=here).name
    'nothing.txt'
    """
    ours = find_data_folder() if folder is None else Path(folder)
    if ours is not None:
        path = ours / relative
        if path.is_file():
            _check(path, path, url, sha256)
            return path
        if folder is not None:
            raise FileNotFoundError(f"{path}: expected a file, got none; put it there (source: {url}).")
    return _download(relative, url, sha256, instead)


def _download(relative: str, url: str, sha256: str, instead: str) -> Path:
    """Return the file of the user's cache, downloaded if it is not there or not right."""
    import pooch  # here: only a file that is in no folder needs it

    path = Path(pooch.os_cache("matmend")) / relative

    def transfer(url: str, output_file: str, _: object) -> None:
        pooch.HTTPDownloader()(url, output_file, None)
        _check(Path(output_file), path, url, sha256)  # before pooch moves it to `path`, and with our message

    try:
        pooch.retrieve(
            url, known_hash=f"sha256:{sha256}", fname=path.name, path=path.parent, downloader=cast("Any", transfer)
        )
    except OSError as error:  # no network, no such page, no room: requests' errors are among them
        advice = "set the environment variable MATMEND_DATA or pass folder=..."
        there = f"{path} (the file there now has another SHA-256)" if path.is_file() else str(path)
        raise FileNotFoundError(
            f"{relative}: expected to download {url}, got {type(error).__name__}: {error}; put the file at {there} "
            f"or into a data folder ({advice}){instead and f', or {instead}'}."
        ) from error
    return path


def _check(file: Path, path: Path, url: str, sha256: str) -> None:
    """Refuse a file of other bytes; `path` is its name in the message."""
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != sha256:
        raise ValueError(f"{path}: expected SHA-256 {sha256}, got {found}; take the authors' file ({url}).")
