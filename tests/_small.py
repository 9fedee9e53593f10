"""A small problem with held-out entries, and equality to the last bit, for the tests of the loop."""

from typing import Any

import jax
import numpy as np

from matmend.observation import Masked
from matmend.problem import Problem
from matmend.regularizer import AbstractRegularizer, TotalVariation
from matmend.representation import Direct

VALUES = np.random.default_rng(4).normal(size=(5, 4))
MASK = np.arange(20).reshape(5, 4) % 3 != 1


def small_problem(regularizer: AbstractRegularizer | None = None) -> Problem:
    observed, heldout = Masked.from_array(VALUES, MASK), Masked.from_array(VALUES + 0.5, ~MASK | (VALUES > 1))
    return Problem(observed, Direct(scale=1.0), regularizer or 0.01 * TotalVariation(), heldout=heldout)


def assert_same_bits(actual: Any, wanted: Any) -> None:
    assert jax.tree.structure(actual) == jax.tree.structure(wanted)
    for a, w in zip(jax.tree.leaves(actual), jax.tree.leaves(wanted), strict=True):
        assert a.dtype == w.dtype
        np.testing.assert_array_equal(a, w)
