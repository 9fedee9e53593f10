"""Complete a matrix from the entries you have, without a training set.

The public names are imported on first use, so that ``import matmend`` and the light modules (`masks`, `io`, `datasets`)
do not start JAX.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
