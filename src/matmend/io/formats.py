"""Which format a file has, told from its first bytes before its name; and unpacking, within bounds."""

import io
import lzma
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pyarrow as pa

Format = Literal["picture", "npy", "npz", "mtx", "parquet", "arrow", "mat", "hdf5", "text"]

FREE = 2**24
"""Bytes that any file may unpack to."""
RATIO = 100
"""How many times its size a file may unpack to beyond that: tables pack 3 to 50 times, bombs 1000 times."""

_PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
_PICTURE_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"RIFF")
_HDF5 = b"\x89HDF\r\n\x1a\n"
_MAGIC: tuple[tuple[bytes, Format], ...] = (
    (b"\x93NUMPY", "npy"), (b"PK\x03\x04", "npz"), (b"PK\x05\x06", "npz"), (b"PAR1", "parquet"), (b"ARROW1", "arrow"),
    (b"FEA1", "arrow"), (b"\xff\xff\xff\xff", "arrow"), (_HDF5, "hdf5"), (b"MATLAB 7.3", "hdf5"),
    (b"MATLAB 5.0", "mat"),
)  # fmt: skip
_SUFFIXES: dict[str, Format] = {
    ".npy": "npy", ".npz": "npz", ".mtx": "mtx", ".parquet": "parquet", ".arrow": "arrow", ".feather": "arrow",
    ".ipc": "arrow", ".mat": "mat", ".h5": "hdf5", ".hdf5": "hdf5",
}  # fmt: skip
_PACKED = (
    (b"\x1f\x8b", "gzip"), (b"BZh", "bz2"), (b"\xfd7zXZ\0", "xz"), (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x04\x22\x4d\x18", "lz4"),
)  # fmt: skip
PACKED_SUFFIXES = (".gz", ".bz2", ".xz", ".zst", ".lz4")


def format_of(path: str | os.PathLike[str]) -> Format:
    """Tell the format of a file that is there.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    str
        What the first bytes say; the suffix, less one such as .gz, where they say nothing; otherwise "text".

    Raises
    ------
    ValueError
        If the file cannot be opened or unpacked.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "no-suffix")
    ...     _ = path.write_bytes(b"PAR1 and more")
    ...     format_of(path)
    'parquet'
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise ValueError(f"expected a readable file, but {path} gave '{error.strerror}': check it") from error
    if packing_of(head) is not None:
        head = _unpacked_head(path)
        if head.lower().startswith(b"%%matrixmarket"):
            return "mtx"
        suffix = Path(path.stem).suffix.lower() if path.suffix.lower() in PACKED_SUFFIXES else ""
        return "mtx" if suffix == ".mtx" else "text"
    if head.startswith(_PICTURE_MAGIC):
        return "picture"
    if head.lower().startswith(b"%%matrixmarket"):
        return "mtx"
    for magic, format_ in _MAGIC:
        if head.startswith(magic):
            return format_
    suffix = path.suffix.lower()
    return "picture" if suffix in _PICTURES else _SUFFIXES.get(suffix, "text")


def packing_of(head: bytes) -> str | None:
    """Tell from its first bytes how a file is packed, None if it is not.

    Examples
    --------
    >>> packing_of(bytes([0x1F, 0x8B, 8])), packing_of(b"a,b")
    ('gzip', None)
    """
    return next((name for magic, name in _PACKED if head.startswith(magic)), None)


def unpacked_limit(path: str | os.PathLike[str]) -> int:
    """Return how many bytes a file may unpack to.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "small")
    ...     _ = path.write_bytes(b"123")
    ...     unpacked_limit(path) == FREE
    True
    """
    return max(FREE, RATIO * Path(path).stat().st_size)


def check_unpacked(path: str | os.PathLike[str], size: int) -> None:
    """Refuse a file that states or shows a size out of proportion to its own.

    Parameters
    ----------
    path : str or path-like
    size : int
        Bytes in memory.

    Raises
    ------
    ValueError
        If that is above 16 MB and 100 times the size of the file.
    """
    if size > FREE and size > unpacked_limit(path):
        raise bomb(path)


def bomb(path: str | os.PathLike[str]) -> ValueError:
    """Return the error for a file that unpacks to far more than it has."""
    return ValueError(
        f"expected a file that unpacks to at most {RATIO} times its size, but {path} states or has more: if you trust "
        "it, unpack it first"
    )


class Unpacked(io.RawIOBase):
    """A packed file read as a stream, which ends in an error where it grows out of proportion.

    Parameters
    ----------
    path : Path
    packing : {"gzip", "bz2", "xz", "zstd", "lz4"}
    """

    def __init__(self, path: Path, packing: str) -> None:
        import pyarrow as pa

        self._path = path
        self._left = unpacked_limit(path)
        self._inner: Any = (
            _Lzma(path) if packing == "xz" else pa.CompressedInputStream(pa.OSFile(os.fspath(path)), packing)
        )

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read at most as many bytes as the buffer holds."""
        view = memoryview(buffer).cast("B")
        piece = self._inner.read(len(view))
        self._left -= len(piece)
        if self._left < 0:
            raise bomb(self._path)
        view[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            self._inner.close()
        super().close()


class _Lzma:
    """The decoder of the standard library with a bound on its memory, which its file class does not offer."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._decoder = self._new()

    @staticmethod
    def _new() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=2**28)

    def read(self, size: int) -> bytes:
        try:
            return self._read(size)
        except lzma.LZMAError as error:
            raise OSError(str(error)) from error

    def _read(self, size: int) -> bytes:
        out = b""
        while not out and size:
            if self._decoder.eof:
                rest = self._decoder.unused_data.lstrip(b"\0") or self._file.read(2**16).lstrip(b"\0")
                if not rest:
                    return b""
                self._decoder = self._new()  # several streams one after the other are one file
                out = self._decoder.decompress(rest, size)
                continue
            piece = self._file.read(2**16) if self._decoder.needs_input else b""
            if not piece and self._decoder.needs_input:
                raise OSError("the packed data end too early")
            out = self._decoder.decompress(piece, size)
        return out

    def close(self) -> None:
        self._file.close()


def open_packed(path: str | os.PathLike[str]) -> "pa.NativeFile":
    """Open a file for reading, unpacked on the way if it is packed.

    Raises
    ------
    OSError, pyarrow.ArrowException
        If it cannot be opened.
    """
    import pyarrow as pa

    with Path(path).open("rb") as file:
        packing = packing_of(file.read(8))
    if packing is None:
        return pa.input_stream(os.fspath(path), compression=None)
    return pa.PythonFile(Unpacked(Path(path), packing), mode="r")


def open_text(path: str | os.PathLike[str]) -> io.TextIOWrapper:
    r"""Open text in UTF-8 for reading line by line, unpacked on the way if it is packed.

    Examples
    --------
    >>> import gzip, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "x.mtx.gz")
    ...     _ = path.write_bytes(gzip.compress(b"two\nlines\n"))
    ...     with open_text(path) as file:
    ...         file.readlines()
    ['two\n', 'lines\n']
    """
    with Path(path).open("rb") as file:
        packing = packing_of(file.read(8))
    if packing is None:
        return Path(path).open(encoding="utf-8")
    return io.TextIOWrapper(io.BufferedReader(Unpacked(Path(path), packing), 2**18), encoding="utf-8")


def _unpacked_head(path: Path) -> bytes:
    import pyarrow as pa

    try:
        with open_packed(path) as stream:
            return bytes(stream.read(16))
    except (OSError, EOFError, ValueError, lzma.LZMAError, pa.ArrowException, MemoryError) as error:
        why = " ".join(str(error).split())[:200] or type(error).__name__
        raise ValueError(f"expected a whole packed file, but {path} cannot be unpacked ({why}): replace it") from error
