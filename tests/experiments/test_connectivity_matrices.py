"""The matrices of Figure 3, and the fit of its panel (b)."""

import _connected
import numpy as np
import pytest

from experiments.connectivity.fig3_connected import even_matrix, random_matrix, sigma_4_of_variance


@pytest.mark.parametrize("build", [even_matrix, random_matrix])
def test_singular_values(build):
    np.testing.assert_allclose(np.linalg.svd(build(), compute_uv=False), [5, 2, 1, 0], atol=1e-14)


def test_the_even_matrix_determines_all_entries_alike():
    M = even_matrix()
    cofactors = [np.linalg.det(np.delete(np.delete(M, i, 0), j, 1)) for i, j in np.ndindex(4, 4)]
    np.testing.assert_allclose(np.abs(cofactors), 2.5, rtol=1e-12)


def test_the_random_matrix_is_the_one_that_the_mechanism_is_tested_on():
    np.testing.assert_array_equal(random_matrix(), _connected.M)


def test_the_fit_looks_only_where_start_and_rounding_are_small():
    variance = np.array([1.0, 1e-2, 1e-6, 1e-12, 1e-16])
    sigma = np.ones((5, 4))
    sigma[:, 3] = [0.5, 0.3e-2, 0.3e-6, 0.3e-12, 7e-16]
    np.testing.assert_allclose(sigma_4_of_variance({"variance": variance, "sigma": sigma}), [1, 0.3], rtol=1e-9)
