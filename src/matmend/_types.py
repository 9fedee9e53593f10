"""Names for the types that several modules share."""

from collections.abc import Callable
from typing import Any

from jaxtyping import Array, Float

Shape = tuple[int, int]
"""Numbers of rows and columns, ``(m, n)``."""

Scalar = Float[Array, ""]
"""An array of no axes."""

Params = Any
"""A pytree of the arrays that training changes; what is in it is its owner's business."""

Fidelity = Callable[[Float[Array, "*shape"], Float[Array, "*shape"]], Float[Array, "*shape"]]
"""An element-wise loss ``f(prediction, target)``, see [`matmend.fidelity`][]."""
