"""How far a completed entry can be trusted: prediction intervals with a coverage guarantee, and what an entry rests on.

Imported on first use, as `matmend` is.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
