"""The graph of what is observed: rows and columns are vertices, every observed entry is an edge."""

from matmend.graph.blocks import Cuts as Cuts
from matmend.graph.components import ComponentTable as ComponentTable
from matmend.graph.connecting import connecting_entries as connecting_entries
from matmend.graph.gap import spectral_gap as spectral_gap
from matmend.graph.observed import MaskClass as MaskClass
from matmend.graph.observed import ObservationGraph as ObservationGraph
