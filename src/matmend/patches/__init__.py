"""Small square pieces of pictures: which are alike, and what those that are alike say about a gap."""

from matmend.patches.gaussian import aggregated, conditional, estimated_patches, group_moments
from matmend.patches.similar import Lines, box_sums, corners_of, most_neighbors, nearest, patches_at

__all__ = [
    "Lines",
    "aggregated",
    "box_sums",
    "conditional",
    "corners_of",
    "estimated_patches",
    "group_moments",
    "most_neighbors",
    "nearest",
    "patches_at",
]
