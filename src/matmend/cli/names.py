"""The names that options take, written down here so that `matmend --help` need not import the methods."""

from typing import Literal

MethodName = Literal[
    "patches", "air", "dmf", "rdmf", "dmf_de", "knn", "gaussian", "iterative_svd", "soft_impute", "glrl", "pnmc",
    "biharmonic", "navier_stokes", "fsr", "mean", "zeros",
]  # fmt: skip
"""The keys of the registry of methods, in its order."""

PresetName = Literal["fast", "best"]
Device = Literal["auto", "cpu", "gpu"]
Polarity = Literal["auto", "white", "black"]
Undetermined = Literal["keep", "nan", "flag"]
Kind = Literal["picture", "mask", "table", "ratings"]
StopName = Literal["auto", "decay", "heldout", "none"]
