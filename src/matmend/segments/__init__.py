"""Entries of a large matrix, arranged so that sums over rows and columns run at full speed on one device or many."""

from matmend.segments.layout import Segments, cut_rows, sort_by
from matmend.segments.losses import total_loss
from matmend.segments.sums import Layout, normal_equations, of_owners, presence, weighted_values

__all__ = [
    "Layout",
    "Segments",
    "cut_rows",
    "normal_equations",
    "of_owners",
    "presence",
    "sort_by",
    "total_loss",
    "weighted_values",
]
