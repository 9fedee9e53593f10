"""Data to complete: those of the literature (from a local folder, or downloaded), free photographs, synthetic ones."""

from matmend.datasets import synthetic
from matmend.datasets._cache import find_data_folder
from matmend.datasets.base import Dataset
from matmend.datasets.images import load_sample, load_test_image, load_textural_mask
from matmend.datasets.interactions import holdout_entries, knn_graph, load_yamanishi
from matmend.datasets.netflix import load_synthetic_netflix

__all__ = [
    "Dataset",
    "find_data_folder",
    "holdout_entries",
    "knn_graph",
    "load_sample",
    "load_synthetic_netflix",
    "load_test_image",
    "load_textural_mask",
    "load_yamanishi",
    "synthetic",
]
