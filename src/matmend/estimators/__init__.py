"""Estimators in the manner of scikit-learn: whole tables, and ratings entry by entry.

Imported on first use, as `matmend` is.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
