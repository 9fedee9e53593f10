"""The table of all methods."""

from matmend.methods import air, dmf, dmf_de, floors, gaussian, glrl, iterative_svd, knn, pnmc, rdmf, soft_impute
from matmend.methods.completion import Method
from matmend.methods.inpainting import registered

registry: dict[str, Method] = {
    "patches": registered.patches,
    "air": air.complete,
    "dmf": dmf.complete,
    "rdmf": rdmf.complete,
    "dmf_de": dmf_de.complete,
    "knn": knn.complete,
    "gaussian": gaussian.complete,
    "iterative_svd": iterative_svd.complete,
    "soft_impute": soft_impute.complete,
    "glrl": glrl.complete,
    "pnmc": pnmc.complete,
    "biharmonic": registered.biharmonic,
    "navier_stokes": registered.navier_stokes,
    "fsr": registered.fsr,
    "mean": floors.mean,
    "zeros": floors.zeros,
}
"""Names of methods to the functions that perform them; command line and comparisons read this table."""
