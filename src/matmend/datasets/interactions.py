"""Drug-target interactions of Yamanishi et al., a graph from similarities, and the split of the peer comparison."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matmend.datasets._cache import fetch
from matmend.datasets.base import Dataset

__all__ = ["holdout_entries", "knn_graph", "load_yamanishi"]

COMMIT = "1b8d1f0910fd594e86e5b7a5f9c983a4b9f1669b"
MIRROR = f"https://raw.githubusercontent.com/alizat/Chemogenomic-DTI-Prediction-Methods/{COMMIT}/1.%20Main/data/"
ORIGINAL = "http://web.kuicr.kyoto-u.ac.jp/supp/yoshi/drugtarget/"
FAMILIES = {"e": "Enzyme", "ic": "Ion Channel", "gpcr": "GPCR", "nr": "Nuclear Receptor"}
SHA256 = {
    "e_admat_dgc": "bf73f8f0c1a71f9fe92d1e0d8a1065a1122b383532cd47fc73df1cb0d9ba6c10",
    "e_simmat_dc": "28105b9570c91b4eac688eaf92db2e4aacb7117bc8665cab527fc5d45cd83606",
    "e_simmat_dg": "14816c2bba2193d62f52ab53bd51fe9a490b28e98cf33df392a5da2bf24e5607",
    "ic_admat_dgc": "ac9df3498bc12af5174503e5f1e09ce26a6d78d753861a5eca55425f9f9ae2c9",
    "ic_simmat_dc": "c1078ca88528d75ddb43d4ed2559391d7d8f5375ec572e6e9112e519d9cdbbf9",
    "ic_simmat_dg": "e15626145623124ad42a45412c544d5fed5e079003727df784d29ed3ca72efef",
    "gpcr_admat_dgc": "49b2a8a0139dac3116399618bfefc9d1afcc276ce31b7de4e241d1b6e62ef8ab",
    "gpcr_simmat_dc": "ba9c1cf096f0f688d1341fec22ebdecb63162005394d3b5ec3e2f2ef3fd40df9",
    "gpcr_simmat_dg": "c58c4311d2086a6914208ed0914598528ce54ade88eb52b0f737eedcaf5001e4",
    "nr_admat_dgc": "74256ec88b415dbdb93735e93797955e82587f3154988e99787a4e604111963b",
    "nr_simmat_dc": "f80e101f284934b85c5dc7601ecaca2cc86c62a946141b2587f3ac8482c9a7c1",
    "nr_simmat_dg": "5bf651f310b037320fe5d8aa61dfa15e0d8af4b0fd50c3969201085e64b631e1",
}


def load_yamanishi(name: str, *, folder: str | os.PathLike[str] | None = None) -> Dataset:
    """Load known drug-target interactions of one family of proteins: 1 = known, 0 = not known.

    Parameters
    ----------
    name : {"ic", "gpcr", "e", "nr"}
        Ion channels, G-protein coupled receptors, enzymes or nuclear receptors.
    folder : path, optional
        The data folder, with ``dti_yamanishi/ic_admat_dgc.txt``, ``ic_simmat_dc.txt``, ``ic_simmat_dg.txt`` and so on.
        By default the folder ``MATMEND_DATA``, then a download.

    Returns
    -------
    Dataset
        ``X_true`` float64, drugs x targets: (210, 204) for "ic", (223, 95) for "gpcr". ``row_similarity``, the SIMCOMP
        scores of the drugs; ``col_similarity``, the normalised Smith-Waterman scores of the targets; KEGG names.

    Raises
    ------
    ValueError
        If `name` is none of these, or a file is not the authors' (SHA-256).
    FileNotFoundError
        If a file is not in `folder`, or cannot be downloaded.

    Notes
    -----
    The files have targets x drugs; the AIR-Net paper completes the transpose. The drug similarities are asymmetric
    by up to 0.19 in the files, here they are ``(S + S.T) / 2``; some of a drug with itself are below 1. There are no
    graphs in the data: make them with :func:`knn_graph`. A 0 is an interaction nobody has reported, not one that is
    known to be absent.

    Source: supplement of the paper, web.kuicr.kyoto-u.ac.jp/supp/yoshi/drugtarget; downloaded from a copy in
    github.com/alizat/Chemogenomic-DTI-Prediction-Methods, commit 1b8d1f0, which lacks only ``e_simmat_dg.txt``.
    Licence: none stated, free to download; cite the paper.

    References
    ----------
    Yamanishi, Araki, Gutteridge, Honda, Kanehisa, "Prediction of drug-target interaction networks from the integration
    of chemical and genomic spaces", doi:10.1093/bioinformatics/btn162.

    Examples
    --------
    >>> from matmend.datasets import find_data_folder
    >>> find_data_folder() is None or load_yamanishi("gpcr").shape == (223, 95)
    True
    """
    if name not in FAMILIES:
        raise ValueError(f"name: expected one of {', '.join(FAMILIES)}, got {name!r}; ic is Ion Channel.")
    admat, targets, drugs = _read_table(f"{name}_admat_dgc", folder)
    of_drugs = _read_table(f"{name}_simmat_dc", folder)[0]
    of_targets = _read_table(f"{name}_simmat_dg", folder)[0]
    return Dataset(
        X_true=np.ascontiguousarray(admat.T),
        row_similarity=(of_drugs + of_drugs.T) / 2,
        col_similarity=(of_targets + of_targets.T) / 2,
        row_names=drugs,
        col_names=targets,
        name=f"Yamanishi {FAMILIES[name]}",
        source=f"Yamanishi et al. 2008, doi:10.1093/bioinformatics/btn162; {ORIGINAL}",
        licence="none stated; supplementary data, free to download: cite the paper",
    )


def knn_graph(similarity: ArrayLike, k: int = 5) -> NDArray[np.float64]:
    """Keep the similarity of nearest neighbours: ``W[i, j] = S[i, j]`` if j is among the k most alike to i, or i to j.

    Parameters
    ----------
    similarity : array, shape (n, n)
        Larger = more alike, at least 0. ``(S + S.T) / 2`` is taken; the diagonal is not looked at.
    k : int in [1, n - 1]
        Neighbours of each, without itself. Of equals, the first ones are taken.

    Returns
    -------
    float64 array, shape (n, n)
        Symmetric, zero diagonal, at least k neighbours in each row (fewer where similarities are 0).

    Raises
    ------
    ValueError
        If `similarity` is not a square matrix of finite numbers >= 0, or `k` is out of range.

    Examples
    --------
    >>> knn_graph([[1.0, 0.9, 0.1], [0.9, 1.0, 0.2], [0.1, 0.2, 1.0]], k=1)
    array([[0. , 0.9, 0. ],
           [0.9, 0. , 0.2],
           [0. , 0.2, 0. ]])
    """
    S = np.array(similarity, dtype=np.float64)
    if S.ndim != 2 or S.shape[0] != S.shape[1] or S.shape[0] < 2:
        raise ValueError(f"similarity: expected shape (n, n), n >= 2, got {S.shape}; pass the similarity of all pairs.")
    size = S.shape[0]
    if k != int(k) or not 1 <= k < size:
        raise ValueError(f"k: expected a whole number in [1, {size - 1}], got {k!r}; 5 is usual.")
    np.fill_diagonal(S, 0)
    if not (np.isfinite(S).all() and S.min() >= 0):
        raise ValueError("similarity: expected finite numbers >= 0, got others; shift, or clip at 0.")
    S = (S + S.T) / 2
    order = S.copy()
    np.fill_diagonal(order, -1)  # last of all, also where other similarities are 0
    nearest = np.argsort(-order, axis=1, kind="stable")[:, : int(k)]
    chosen = np.zeros((size, size), dtype=bool)
    np.put_along_axis(chosen, nearest, True, axis=1)
    return np.where(chosen | chosen.T, S, 0)


def holdout_entries(shape: tuple[int, int], fraction: float, *, seed: int) -> NDArray[np.bool_]:
    """Hold out entries as the peer comparison did: ``(u < fraction).T``, u uniform in [0, 1), shape (n, m).

    Parameters
    ----------
    shape : (int, int)
        (m, n) of the matrix as :func:`load_yamanishi` gives it, drugs x targets.
    fraction : float in [0, 1]
        The probability of being held out.
    seed : int in [0, 2**32)
        Seed of NumPy's legacy generator, whose stream is frozen.

    Returns
    -------
    bool array, shape (m, n)
        True = held out, to be scored; ``mask = ~hidden`` is what a method may see.

    Raises
    ------
    ValueError
        If `shape`, `fraction` or `seed` is out of range.

    Notes
    -----
    The comparison drew ``RandomState(0).random_sample`` over the matrix as it lies in the file, targets x drugs, so
    the draws run down the columns here. With ``fraction=0.2, seed=0`` this gives its numbers: NMAE of all zeros 0.0339
    and of the mean of the rest 0.0662 (ion channels), 0.0320 and 0.0596 (GPCR), and those of scikit-learn's KNNImputer
    to the last printed digit. A draw over drugs x targets gives 0.0356 and 0.0327.

    Examples
    --------
    >>> int(holdout_entries((210, 204), 0.2, seed=0).sum())
    8720
    """
    if len(shape) != 2 or any(size != int(size) or size < 1 for size in shape):
        raise ValueError(f"shape: expected two positive integers (m, n), got {shape!r}; pass X.shape.")
    if not 0 <= fraction <= 1:
        raise ValueError(f"fraction: expected a share in [0, 1], got {fraction!r}; 0.2 hides a fifth of the entries.")
    u = np.random.RandomState(seed).random_sample((int(shape[1]), int(shape[0])))
    return np.ascontiguousarray((u < fraction).T)


def _read_table(
    stem: str, folder: str | os.PathLike[str] | None
) -> tuple[NDArray[np.float64], tuple[str, ...], tuple[str, ...]]:
    """Read numbers, row names and column names of a tab separated table; its first line starts with a tab."""
    base = ORIGINAL if stem == "e_simmat_dg" else MIRROR
    path = fetch(
        f"dti_yamanishi/{stem}.txt",
        f"{base}{stem}.txt",
        SHA256[stem],
        folder=folder,
        instead="use datasets.synthetic.interactions(), which is alike",
    )
    return _parse_table(path)


def _parse_table(path: Path) -> tuple[NDArray[np.float64], tuple[str, ...], tuple[str, ...]]:
    head, *lines = (line.split("\t") for line in path.read_text(encoding="ascii").splitlines())
    values = np.array([line[1:] for line in lines], dtype=np.float64)
    return values, tuple(line[0] for line in lines), tuple(head[1:])
