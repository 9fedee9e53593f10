"""Data to complete: those of the literature (from a local folder, or downloaded), free photographs, synthetic ones."""

from matmend.datasets import synthetic
from matmend.datasets._cache import find_data_folder
from matmend.datasets.base import Dataset
from matmend.datasets.images import load_sample, load_test_image, load_textural_mask
from matmend.datasets.interactions import holdout_entries, knn_graph, load_yamanishi
from matmend.datasets.movielens import RatingsSplit, load_movielens, load_movielens_fold
from matmend.datasets.netflix import load_synthetic_netflix
from matmend.datasets.netflix_prize import load_netflix_prize
from matmend.datasets.power_law import RatingsSample, community_graph, power_law_ratings

__all__ = [
    "Dataset",
    "RatingsSample",
    "RatingsSplit",
    "community_graph",
    "find_data_folder",
    "holdout_entries",
    "knn_graph",
    "load_movielens",
    "load_movielens_fold",
    "load_netflix_prize",
    "load_sample",
    "load_synthetic_netflix",
    "load_test_image",
    "load_textural_mask",
    "load_yamanishi",
    "power_law_ratings",
    "synthetic",
]
