"""One reader for any matrix with gaps: text, Parquet, Arrow, Feather, NumPy, SciPy, MatrixMarket, MATLAB, HDF5."""

import os

from matmend.io.arrays import read_one
from matmend.io.delimited import check_file
from matmend.io.formats import format_of
from matmend.io.streams import as_file
from matmend.io.tables import Table, read_columns


def read_matrix(
    path: str | os.PathLike[str], *, name: str | None = None, key: str | None = None, header: bool | None = None
) -> Table:
    r"""Read a matrix in which entries may be missing.

    Parameters
    ----------
    path : str or path-like
        Text with cells parted by commas, tabs, semicolons, ``|`` or spaces, packed (gzip, bzip2, xz, zstd, lz4) or not;
        Parquet; Arrow IPC, a file or a stream, and Feather version 2; ``.npy``; ``.npz`` with dense arrays or by
        `scipy.sparse.save_npz`; MatrixMarket, packed or not; MATLAB from version 5 to 7.3; other HDF5. ``-`` is
        standard input. The first bytes tell the format; the suffix only where they do not.
    name : str, optional
        Which of several matrices: the variable of a MATLAB file, the path in an HDF5 file, the array of a ``.npz``.
    key : str, optional
        The same, as NumPy calls it.
    header : bool, optional
        Whether the first line of a text file names the columns; by default it is looked at.

    Returns
    -------
    Table
        float64 with NaN where missing. ``storage`` keeps what it takes to write it back by
        [`write_matrix`][matmend.io.write_matrix]: format, types, names, columns of words.

    Raises
    ------
    ValueError
        If the file cannot be read, holds several matrices and `name` does not say which, has infinite values, no column
        of numbers, more than ``2**27`` cells, or unpacks to more than 16 MB and 100 times its size; or if most known
        cells of a column are numbers and a few are words: that is more likely a mistake than text.

    Notes
    -----
    In text and in columns of words, missing are empty cells, NA, N/A, NaN, null, None, ``?``, ``.`` and ``-``. The
    first column gives the names of the rows if it holds words, or whole numbers that are all different under a name
    that is empty, or "id", "index", "row", "name", "key", or ends in "_id". Other columns of words or dates are put
    aside, named in ``aside`` and written back as they were. True and false are 1 and 0.

    In sparse files what is stored is observed, zeros too, and all else is missing; of several values for one entry the
    last counts. MATLAB keeps the axes of HDF5 the other way round; they are turned back.

    Nothing that a file says is run or looked up elsewhere: pickled objects are refused, and so are HDF5 links and data
    that lead to other files.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "small.csv")
    ...     _ = path.write_text("city,t1,t2,note\nRome,20,NA,dry\nOslo,,7.5,wet\n")
    ...     table = read_matrix(path)
    >>> table.values, table.row_names, table.col_names, table.aside
    (array([[20. ,  nan],
           [ nan,  7.5]]), ('Rome', 'Oslo'), ('t1', 't2'), ('note',))
    """
    if name is not None and key is not None and name != key:
        raise ValueError(f"expected name or key, which mean the same, got '{name}' and '{key}': give one")
    wanted = key if name is None else name
    with as_file(path) as file:
        file = check_file(file)
        format_ = format_of(file)
        if format_ == "picture":
            raise ValueError(f"expected a matrix, but {path} is a picture: read it by read_picture")
        if format_ not in ("text", "parquet", "arrow"):
            return read_one(file, format_, wanted)
        if wanted is not None:
            raise ValueError(f"expected no name, since {path} holds a single table, got '{wanted}': leave it out")
        return read_columns(file, format_, header)


def read_table(path: str | os.PathLike[str], *, header: bool | None = None) -> Table:
    """Read a table: [`read_matrix`][matmend.io.read_matrix] for files with a single one.

    Parameters
    ----------
    path : str or path-like
    header : bool, optional

    Returns
    -------
    Table

    Raises
    ------
    ValueError
        As `read_matrix` does.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/x.npy", np.array([[1, 2], [3, 4]]))
    ...     read_table(f"{folder}/x.npy").values.tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    return read_matrix(path, header=header)
