"""Ratings: complete a large sparse matrix, predict and recommend from it, and take in new rows without a refit."""

from matmend.methods.ratings.completing import complete_ratings as complete_ratings
from matmend.methods.ratings.model import Predictions as Predictions
from matmend.methods.ratings.model import RatingsModel as RatingsModel
from matmend.methods.ratings.model import Recommendations as Recommendations
from matmend.methods.ratings.small import complete_small_ratings as complete_small_ratings
