"""Syn-Netflix: the synthetic ratings of Monti, Bronstein and Bresson, with a graph of users and one of items."""

import os

import numpy as np
from numpy.typing import NDArray

from matmend.datasets._cache import fetch
from matmend.datasets.base import Dataset

__all__ = ["load_synthetic_netflix"]

RELATIVE = "synthetic_netflix/synthetic_netflix.mat"
SHA256 = "b47789b280f868c17b6e3c7866608740a579ed29a8fd1dbb3ab218fc5ccc75ae"
COMMIT = "75843411c72c1a81c9c086d21cda4ec98f1d9226"
URL = f"https://raw.githubusercontent.com/fmonti/mgcnn/{COMMIT}/Data/synthetic_netflix/synthetic_netflix.mat"


def load_synthetic_netflix(*, folder: str | os.PathLike[str] | None = None) -> Dataset:
    """Load Syn-Netflix: 150 users x 200 items, ratings constant on 15 x 12 blocks, with the graphs that made them.

    Parameters
    ----------
    folder : path, optional
        The data folder, with ``synthetic_netflix/synthetic_netflix.mat``. By default the folder ``MATMEND_DATA``, then
        a download.

    Returns
    -------
    Dataset
        ``X_true`` (150, 200) float64 in [1, 5], of rank 12 with 180 different values; ``row_graph``, ``col_graph`` from
        the fields Wrow, Wcol.

    Raises
    ------
    ValueError, FileNotFoundError
        If the file is another one (SHA-256), or cannot be had.

    Notes
    -----
    All entries are known. The AIR-Net paper hides 70, 75 or 80 % of them at random and uses neither the graphs nor the
    file's own split (O, Otraining, Otest), which is not loaded.

    In the file both graphs have ones on most of the diagonal; here the diagonal is zero. Wcol is 0/1. Wrow has 1384
    ones and 192 weights between 1e-67 and 0.89 besides.

    Source: github.com/fmonti/mgcnn, commit 7584341, ``Data/synthetic_netflix``. Licence: GPL-3.0, that of the
    repository; no separate terms for the data.

    References
    ----------
    Monti, Bronstein, Bresson, "Geometric matrix completion with recurrent multi-graph neural networks",
    arXiv:1704.06803.

    Examples
    --------
    >>> from matmend.datasets import find_data_folder
    >>> find_data_folder() is None or load_synthetic_netflix().shape == (150, 200)
    True
    """
    import h5py  # here: it takes a fifth of a second, and only this file needs it

    path = fetch(RELATIVE, URL, SHA256, folder=folder, instead="use datasets.synthetic.block_ratings(), which is alike")
    with h5py.File(path) as file:
        X_true = np.ascontiguousarray(_dense(file["M"]).T)  # MATLAB stores column after column
        graphs = [_sparse(file[name]) for name in ("Wrow", "Wcol")]
    for graph in graphs:
        np.fill_diagonal(graph, 0)
    return Dataset(
        X_true=X_true,
        row_graph=graphs[0],
        col_graph=graphs[1],
        name="Syn-Netflix",
        source=f"Monti, Bronstein, Bresson 2017; github.com/fmonti/mgcnn, commit {COMMIT}",
        licence="GPL-3.0 (the repository; no separate terms for the data)",
    )


def _dense(dataset: object) -> NDArray[np.float64]:
    return np.asarray(dataset, dtype=np.float64)


def _sparse(group: object) -> NDArray[np.float64]:
    """Read a square sparse matrix of a MATLAB v7.3 file: compressed columns data, ir (row), jc (start of column)."""
    from scipy.sparse import csc_matrix

    data, ir, jc = (np.asarray(group[field]) for field in ("data", "ir", "jc"))  # pyright: ignore[reportIndexIssue]
    size = jc.size - 1
    return csc_matrix((data, ir.astype(np.int64), jc.astype(np.int64)), shape=(size, size)).toarray()
