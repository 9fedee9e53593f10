"""The report page: one HTML file about one run, that needs nothing else and asks nothing of any network."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
