"""What a JAX function would hold in memory, read off its jaxpr: nothing is run."""

from collections.abc import Iterator
from typing import Any

import equinox as eqx
import jax
from jax.extend import core


def shapes(function, *args) -> set[tuple[int, ...]]:
    """Shapes of all arrays of a function: operands and results, those of loops and calls inside it too."""
    jaxpr = eqx.filter_make_jaxpr(function)(*args)[0]
    return {tuple(v.aval.shape) for v in _variables(jaxpr.jaxpr) if hasattr(v.aval, "shape")}


def _variables(jaxpr: core.Jaxpr) -> Iterator[Any]:
    yield from (*jaxpr.constvars, *jaxpr.invars)
    for equation in jaxpr.eqns:
        yield from (*equation.invars, *equation.outvars)
        for inner in _jaxprs(list(equation.params.values())):
            yield from _variables(inner)


def _jaxprs(params: Any) -> Iterator[core.Jaxpr]:
    """Find the programs among the parameters of an operation (scan, while, cond, pjit, shard_map, custom_vjp, ...)."""
    found = jax.tree.leaves(params, is_leaf=lambda x: isinstance(x, core.Jaxpr | core.ClosedJaxpr))
    for x in found:
        if isinstance(x, core.ClosedJaxpr):
            yield x.jaxpr
        elif isinstance(x, core.Jaxpr):
            yield x
