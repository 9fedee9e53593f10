"""The methods of completion, each a function of an observed array.

>>> sorted(registry)
['air', 'dmf', 'dmf_de', 'glrl', 'iterative_svd', 'knn', 'mean', 'pnmc', 'rdmf', 'soft_impute', 'zeros']
"""

from matmend.methods import air, dmf, dmf_de, floors, glrl, iterative_svd, knn, pnmc, rdmf, soft_impute
from matmend.methods.comparison import Score as Score
from matmend.methods.comparison import compare as compare
from matmend.methods.completion import Completion as Completion
from matmend.methods.completion import Method as Method
from matmend.methods.recipe import Recipe as Recipe
from matmend.methods.recipe import Training as Training
from matmend.methods.training import complete_many_with as complete_many_with
from matmend.methods.training import complete_with as complete_with

registry: dict[str, Method] = {
    "air": air.complete,
    "dmf": dmf.complete,
    "rdmf": rdmf.complete,
    "dmf_de": dmf_de.complete,
    "knn": knn.complete,
    "iterative_svd": iterative_svd.complete,
    "soft_impute": soft_impute.complete,
    "glrl": glrl.complete,
    "pnmc": pnmc.complete,
    "mean": floors.mean,
    "zeros": floors.zeros,
}
"""Names of methods to the functions that perform them; command line and comparisons read this table."""
