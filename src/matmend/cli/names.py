"""The names that options take, written down here so that `matmend --help` need not import the methods."""

from typing import Literal

MethodName = Literal[
    "air", "dmf", "rdmf", "dmf_de", "knn", "iterative_svd", "soft_impute", "glrl", "pnmc", "mean", "zeros"
]
"""The keys of the registry of methods, in its order."""

Device = Literal["auto", "cpu", "gpu"]
Polarity = Literal["auto", "white", "black"]
Undetermined = Literal["keep", "nan", "flag"]
Kind = Literal["picture", "mask", "table", "ratings"]
StopName = Literal["auto", "decay", "heldout", "none"]
