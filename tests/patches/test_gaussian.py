import jax.numpy as jnp
import numpy as np
import pytest

from matmend.patches import aggregated, conditional, estimated_patches, group_moments


@pytest.mark.parametrize("d", [1, 4, 7, 16, 36])
def test_conditional_is_the_formula(d):
    rng = np.random.default_rng(d)
    n, noise = 6, rng.uniform(0.1, 1, 6)
    mean, values = rng.normal(size=(2, n, d))
    roots = rng.normal(size=(n, d, max(d // 2, 1)))  # singular covariances
    covariance = roots @ roots.transpose(0, 2, 1)
    observed = rng.random((n, d)) < 0.6
    observed[0], observed[1] = True, False
    means, variances = conditional(*map(jnp.asarray, (mean, covariance, values, observed.astype(float), noise)))
    for k in range(n):
        seen = observed[k]
        system = covariance[k][np.ix_(seen, seen)] + noise[k] * np.eye(seen.sum())
        gain = covariance[k][:, seen] @ np.linalg.inv(system)
        expected = mean[k] + gain @ (values[k] - mean[k])[seen]
        np.testing.assert_allclose(np.asarray(means)[k], expected, rtol=1e-8, atol=1e-10)
        expected = np.diag(covariance[k] - gain @ covariance[k][seen])
        np.testing.assert_allclose(np.asarray(variances)[k], expected, rtol=1e-8, atol=1e-10)


def test_missing_values_are_not_read():
    arguments = jnp.zeros((1, 2)), jnp.ones((1, 2, 2))
    observed, noise = jnp.asarray([[1.0, 0.0]]), jnp.ones(1)
    means, variances = conditional(*arguments, jnp.asarray([[1.0, jnp.nan]]), observed, noise)
    np.testing.assert_allclose(means, [[0.5, 0.5]], rtol=1e-12)
    np.testing.assert_allclose(variances, [[0.5, 0.5]], rtol=1e-12)


def test_moments_are_weighted_by_the_distances():
    rng = np.random.default_rng(0)
    patches, distances = rng.normal(size=(3, 5, 4)), np.sort(rng.random((3, 5)), axis=1)
    mean, covariance = group_moments(jnp.asarray(patches), jnp.asarray(distances))
    for k in range(3):
        weights = np.exp(-distances[k] / (distances[k][2] + 1e-7))
        weights /= weights.sum()
        np.testing.assert_allclose(np.asarray(mean)[k], weights @ patches[k], rtol=1e-10)
        expected = np.cov(patches[k].T, aweights=weights, bias=True)
        np.testing.assert_allclose(np.asarray(covariance)[k], expected, rtol=1e-10, atol=1e-14)


def test_a_group_of_one_patch_repeats_it():
    plane = jnp.asarray(np.random.default_rng(0).random(9))
    means, precisions = estimated_patches(
        plane, jnp.ones(9), 3, jnp.zeros((1, 1), jnp.int32), jnp.zeros((1, 1)), jnp.zeros(1, jnp.int32),
        jnp.asarray(1e-3), jnp.asarray(0.01), size=3,
    )  # fmt: skip
    np.testing.assert_allclose(means, plane[None], rtol=1e-12)
    np.testing.assert_allclose(precisions, np.full((1, 9), 1 / (1e-3 + 1e-4)), rtol=1e-9)


def test_overlapping_patches_are_weighted_by_their_precisions():
    means, precisions = np.array([[0.0, 1, 2, 3], [4, 5, 6, 7]]), np.array([[1.0, 1, 1, 1], [3, 3, 3, 3]])
    found = aggregated(means, precisions, np.array([0, 1]), (3, 3), 2)
    nan = np.nan
    np.testing.assert_allclose(found, [[0, (1 + 3 * 4) / 4, 5], [2, (3 + 3 * 6) / 4, 7], [nan, nan, nan]])
