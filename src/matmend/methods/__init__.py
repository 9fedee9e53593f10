"""The methods of completion, each a function of an observed array.

>>> sorted(registry)  # doctest: +NORMALIZE_WHITESPACE
['air', 'biharmonic', 'dmf', 'dmf_de', 'fsr', 'glrl', 'iterative_svd', 'knn', 'mean', 'navier_stokes', 'patches',
 'pnmc', 'rdmf', 'soft_impute', 'zeros']
"""

from matmend.methods import air, dmf, dmf_de, floors, glrl, iterative_svd, knn, pnmc, rdmf, soft_impute
from matmend.methods.comparison import Score as Score
from matmend.methods.comparison import compare as compare
from matmend.methods.comparison import runnable as runnable
from matmend.methods.completion import Completion as Completion
from matmend.methods.completion import Method as Method
from matmend.methods.inpainting import registered
from matmend.methods.recipe import Recipe as Recipe
from matmend.methods.recipe import Training as Training
from matmend.methods.training import complete_many_with as complete_many_with
from matmend.methods.training import complete_with as complete_with

registry: dict[str, Method] = {
    "patches": registered.patches,
    "air": air.complete,
    "dmf": dmf.complete,
    "rdmf": rdmf.complete,
    "dmf_de": dmf_de.complete,
    "knn": knn.complete,
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
