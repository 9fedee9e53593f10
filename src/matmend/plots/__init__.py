"""Figures: of a completion, and of what is observed.

Every function returns a `matplotlib.figure.Figure` of its own (no global state, no window); `save` writes it.
"""

from matmend.plots.observed import Maps as Maps
from matmend.plots.observed import determinability as determinability
from matmend.plots.observed import maps as maps
from matmend.plots.pictures import HELDOUT_COLOUR as HELDOUT_COLOUR
from matmend.plots.pictures import MISSING_COLOUR as MISSING_COLOUR
from matmend.plots.pictures import check_format as check_format
from matmend.plots.pictures import curves as curves
from matmend.plots.pictures import gallery as gallery
from matmend.plots.pictures import laplacians as laplacians
from matmend.plots.pictures import panel as panel
from matmend.plots.pictures import save as save
