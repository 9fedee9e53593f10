"""The methods of completion, each a function of an observed array.

>>> sorted(registry)
['air', 'dmf', 'rdmf']
"""

from matmend.methods import air, dmf, rdmf
from matmend.methods.completion import Completion as Completion
from matmend.methods.completion import Method as Method
from matmend.methods.completion import complete_with as complete_with

registry: dict[str, Method] = {"air": air.complete, "dmf": dmf.complete, "rdmf": rdmf.complete}
"""Names of methods to the functions that perform them; command line and comparisons read this table."""
