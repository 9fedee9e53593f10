"""The methods of completion, each a function of an observed array.

Imported on first use, as `matmend` is: who fills a picture does not load what other methods need.

Examples
--------
>>> from matmend.methods import registry
>>> sorted(registry)  # doctest: +NORMALIZE_WHITESPACE
['air', 'biharmonic', 'dmf', 'dmf_de', 'fsr', 'gaussian', 'glrl', 'iterative_svd', 'knn', 'mean', 'navier_stokes',
 'patches', 'pnmc', 'rdmf', 'soft_impute', 'zeros']
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
