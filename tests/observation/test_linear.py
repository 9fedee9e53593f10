import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from matmend.fidelity import squared
from matmend.matrix import Dense, LowRank
from matmend.observation import Blur, Compose, Linear, Sensing, Subsample
from matmend.problem import Problem
from matmend.representation import Direct
from matmend.solve import adam, solve

SHAPE = (6, 8)
rng = np.random.default_rng(0)
X = rng.normal(size=SHAPE)
KERNEL = np.outer([0.25, 0.5, 0.25], [0.25, 0.5, 0.25])
CAMERA = Compose((Blur(KERNEL), Subsample(2)))


def test_loss_and_gradient_of_least_squares():
    """With the operator as a matrix A: `|A x - y|^2 / q` has the gradient `2 A'(A x - y) / q`."""
    matrices, y = rng.normal(size=(10, *SHAPE)), rng.normal(size=10)
    observation = Linear.from_values(Sensing(matrices), y, shape=SHAPE)
    loss, gradient = jax.value_and_grad(lambda X: observation.loss(Dense(X), squared))(jnp.asarray(X))
    A = matrices.reshape(10, -1)
    r = A @ X.ravel() - y
    np.testing.assert_allclose(loss, r @ r / 10, rtol=1e-12)
    np.testing.assert_allclose(gradient, (2 * A.T @ r / 10).reshape(SHAPE), rtol=1e-11, atol=1e-13)


def test_what_was_not_measured_reaches_neither_loss_nor_gradient():
    y = np.asarray(CAMERA(jnp.asarray(X))) + 1
    y[1, 2] = np.nan
    by_nan = Linear.from_values(CAMERA, y, shape=SHAPE)
    by_mask = Linear.from_values(CAMERA, np.where(np.isnan(y), 1e300, y), mask=~np.isnan(y), shape=SHAPE)
    for observation in (by_nan, by_mask):
        loss, gradient = jax.value_and_grad(lambda X, o=observation: o.loss(Dense(X), squared))(jnp.asarray(X))
        np.testing.assert_allclose(loss, 1, rtol=1e-12)
        assert np.isfinite(gradient).all()
    assert float(by_nan.normalizer) == y.size - 1


def test_any_linear_function_serves():
    observation = Linear.from_values(lambda X: jnp.sum(X, axis=1), X.sum(axis=1), shape=SHAPE)
    loss = eqx.filter_jit(lambda o, X: o.loss(Dense(X), squared))(observation, jnp.asarray(X))
    np.testing.assert_allclose(loss, 0, atol=1e-28)
    batch = observation.batch(jax.random.key(0), 4)
    np.testing.assert_allclose(batch.predict(Dense(jnp.asarray(X))), batch.values, rtol=1e-13)


def test_thin_factors_are_measured_like_their_product():
    U, V = rng.normal(size=(6, 2)), rng.normal(size=(8, 2))
    observation = Linear.from_values(CAMERA, np.zeros((3, 4)), shape=SHAPE)
    thin, dense = LowRank(jnp.asarray(U), jnp.asarray(V)), Dense(jnp.asarray(U @ V.T))
    np.testing.assert_allclose(observation.predict(thin), observation.predict(dense), rtol=1e-13)


def test_the_operator_takes_the_dtype_of_the_values():
    observation = Linear.from_values(CAMERA, np.zeros((3, 4), np.float32), shape=SHAPE)
    assert observation.predict(Dense(jnp.asarray(X, jnp.float32))).dtype == jnp.float32


def test_a_batch_of_sensing_matrices_is_that_many_matrices():
    observation = Linear.from_values(Sensing(rng.normal(size=(50, *SHAPE))), np.zeros(50), shape=SHAPE)
    batch = observation.batch(jax.random.key(0), 3)
    assert isinstance(batch.operator, Sensing)
    assert batch.operator.matrices.shape == (3, *SHAPE)


def test_descent_finds_the_least_squares_solution_and_moves_the_matrix_only():
    """More measurements than entries, so the minimum is unique."""
    matrices = rng.normal(size=(60, *SHAPE))
    y = matrices.reshape(60, -1) @ X.ravel() + 0.1 * rng.normal(size=60)
    expected, *_ = np.linalg.lstsq(matrices.reshape(60, -1), y)
    problem = Problem(Linear.from_values(Sensing(matrices), y, shape=SHAPE), Direct())
    solution = solve(problem, adam(1e-2), key=jax.random.key(0), max_steps=4000, every=1000)
    np.testing.assert_allclose(solution.X.dense(), expected.reshape(SHAPE), atol=1e-4)
    (held,) = jax.tree.leaves(eqx.filter(solution.problem.observation, lambda leaf: jnp.ndim(leaf) == 3))
    np.testing.assert_array_equal(held, matrices)


ERRORS = {
    "another shape": (
        lambda: Linear.from_values(CAMERA, np.zeros((2, 4)), shape=SHAPE),
        r"make float64 values of shape \(2, 4\).* it makes float64 values of shape \(3, 4\)",
    ),
    "matrices of another shape": (
        lambda: Linear.from_values(Sensing(np.ones((2, 8, 6))), np.zeros(2), shape=SHAPE),
        r"cannot be applied to a matrix of shape \(6, 8\)",
    ),
    "another dtype": (
        lambda: Linear.from_values(lambda X: X.astype("float64"), np.zeros(SHAPE, "float32"), shape=SHAPE),
        "must make float32 values",
    ),
    "two arrays": (
        lambda: Linear.from_values(lambda X: (X, X), np.zeros(SHAPE), shape=SHAPE),  # pyright: ignore[reportArgumentType]
        "it makes",
    ),
    "square": (lambda: Linear.from_values(lambda X: X**2, np.zeros(SHAPE), shape=SHAPE), "is not linear"),
    "size": (lambda: Linear.from_values(jnp.abs, np.zeros(SHAPE), shape=SHAPE), "is not linear"),
    "offset": (lambda: Linear.from_values(lambda X: X + 1, np.zeros(SHAPE), shape=SHAPE), "offset belongs into the"),
    "nan": (lambda: Linear.from_values(lambda X: X / 0, np.zeros(SHAPE), shape=SHAPE), "is not linear"),
    "mask": (
        lambda: Linear.from_values(CAMERA, np.zeros((3, 4)), mask=np.ones((4, 3)), shape=SHAPE),
        r"mask must have the shape of the values, \(3, 4\), got \(4, 3\)",
    ),
    "nothing": (lambda: Linear.from_values(CAMERA, np.full((3, 4), np.nan), shape=SHAPE), "No entry is observed"),
    "weights": (
        lambda: Linear.from_values(CAMERA, np.zeros((3, 4)), weights=-np.ones((3, 4)), shape=SHAPE),
        "finite and non-negative",
    ),
}


@pytest.mark.parametrize(("make", "message"), ERRORS.values(), ids=ERRORS)
def test_bad_input_is_refused_in_words(make, message):
    with pytest.raises(ValueError, match=message):
        make()
