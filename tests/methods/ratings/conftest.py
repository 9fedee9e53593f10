"""A model of ratings, trained once for all tests."""

import pytest
from _ratings import Known, known

from matmend.methods.ratings import RatingsModel, complete_ratings


@pytest.fixture(scope="package")
def data() -> Known:
    return known()


@pytest.fixture(scope="package")
def model(data: Known) -> RatingsModel:
    return complete_ratings(data.ratings, rank=3, implicit=True, num_draws=40)
