"""Complete a matrix from the entries you have, without a training set.

The public names are imported on first use, so that ``import matmend`` and the light modules (`masks`, `io`, `datasets`)
do not start JAX.

What happens in a long run is told to the logger ``matmend`` of the standard library, which is silent until a program
asks: ``logging.basicConfig(level="INFO")``.
"""

import logging

import lazy_loader

logging.getLogger(__name__).addHandler(logging.NullHandler())

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
