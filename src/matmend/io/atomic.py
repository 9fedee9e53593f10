"""Writing files so that a reader sees the old file or the whole new one, never a part."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_LONGEST_SUFFIX = 32  # of a name like "a.<200 characters>" the rest is no suffix that an encoder would know


def check_writable(path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Check that a file can be written, before the work whose result it will hold.

    Parameters
    ----------
    path : str or path-like
        The file to be written. A symbolic link stands for the file that it leads to.
    overwrite : bool, default=False
        Whether a file that is there may be replaced.

    Returns
    -------
    pathlib.Path
        The absolute path of the file, symbolic links followed.

    Raises
    ------
    ValueError
        If the folder is not there, is not a folder or cannot be written to, if `path` is a folder or a device, or if
        the file is there and `overwrite` is False.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     check_writable(f"{folder}/result.png").name
    'result.png'
    """
    target = Path(os.path.realpath(path))
    folder = target.parent
    if not folder.exists():
        raise ValueError(f"expected a folder to write {path} into, but {folder} is not there: create it first")
    if not folder.is_dir():
        raise ValueError(f"expected a folder to write {path} into, but {folder} is a file: choose another path")
    if target.is_dir():
        raise ValueError(f"expected the path of a file to write, but {path} is a folder: add a file name to it")
    if target.exists() and not target.is_file():
        raise ValueError(f"expected the path of a file to write, but {path} is a device or a pipe: choose another path")
    if target.exists() and not overwrite:
        raise _already_there(path)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ValueError(f"expected a folder that can be written to, but {folder} is read-only: choose another path")
    return target


@contextmanager
def atomic_write(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Path]:
    """Write a file as a whole or not at all.

    The block writes to the temporary path that it is given; when it ends, that file is flushed to the disk and takes
    the place of the target in one step. If it raises, Ctrl-C included, the temporary file is removed and the target is
    what it was.

    Parameters
    ----------
    path : str or path-like
        The file to write. A symbolic link stays, and the file that it leads to is written.
    overwrite : bool, default=False
        Whether a file that is there may be replaced. If not, a file that appears while the block runs is kept too.

    Yields
    ------
    pathlib.Path
        A new, empty file in the same folder with the same suffix.

    Raises
    ------
    ValueError
        As `check_writable` does; if the temporary file cannot be created; or if the target has appeared meanwhile and
        `overwrite` is False.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_write(f"{folder}/numbers.txt") as temporary:
    ...         _ = temporary.write_text("1 2 3")
    ...     print(Path(folder, "numbers.txt").read_text())
    1 2 3
    """
    target = check_writable(path, overwrite=overwrite)
    suffix = target.suffix if len(target.suffix) <= _LONGEST_SUFFIX else ""
    temporary = target.with_name(f".matmend-{secrets.token_hex(8)}{suffix}")
    try:
        try:
            # not tempfile.mkstemp: its 0600 would hide the result from everyone else; 0666 is cut down by the umask
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except OSError as error:
            raise ValueError(
                f"expected to create a file beside {path}, but {error.strerror}: make room or choose another path"
            ) from error
        yield temporary
        _flush(temporary)
        if overwrite:
            with suppress(FileNotFoundError):
                shutil.copymode(target, temporary)  # a file kept private stays private
            temporary.replace(target)
        else:
            _publish(temporary, target, path)
        _flush_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)  # gone already where it has been moved into place


def _publish(temporary: Path, target: Path, path: str | os.PathLike[str]) -> None:
    """Give the file its name, unless another file took that name while we worked."""
    try:
        os.link(temporary, target)  # unlike a rename, this fails if the name is taken: no gap between check and act
    except FileExistsError as error:
        raise _already_there(path) from error
    except OSError as error:  # a file system without hard links: a small gap is the best there is
        if target.exists():
            raise _already_there(path) from error
        temporary.replace(target)


def _already_there(path: str | os.PathLike[str]) -> ValueError:
    return ValueError(f"expected a path with no file yet, but {path} is there: choose another or ask to overwrite it")


def _flush(file: Path) -> None:
    with file.open("rb+") as handle:  # Windows syncs only what is open for writing
        os.fsync(handle.fileno())


def _flush_folder(folder: Path) -> None:
    """Make the new name last through a power cut, where the system can do that."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
