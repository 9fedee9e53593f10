"""Columns in units of their own, brought to one scale and back."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from matmend.methods import Completion
from matmend.methods._normal import Normal
from matmend.methods.gaussian import GaussianCompletion
from matmend.methods.suitable import kind_of
from matmend.methods.yardstick import column_mean, column_spread

Floats = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Columns:
    """Where the columns of a table lie and how far they reach.

    Attributes
    ----------
    centre, spread : arrays of shape (n,)
        Mean and standard deviation of what was observed; 0 and 1 where columns are left as they are. A column of which
        nothing was observed has the medians of the others.
    is_scaled : bool
    """

    centre: NDArray[np.float64]
    spread: NDArray[np.float64]
    is_scaled: bool

    @classmethod
    def of(cls, values: Floats, seen: NDArray[np.bool_], scale: str) -> "Columns":
        """Look at a table.

        Parameters
        ----------
        values : array of shape (m, n)
        seen : bool array of shape (m, n)
        scale : {"auto", "columns", "none"}
            Whether columns are scaled: "auto" does where they have units of their own.

        Notes
        -----
        Standard deviations, not quantiles: a value that is far off makes its own column small, and leaves the fit
        of all others alone. By quantiles it would remain far off, and decide what a fit by least squares does.

        Examples
        --------
        >>> X = np.random.default_rng(0).normal(size=(50, 3))
        >>> [Columns.of(X * unit, X < 9, "auto").is_scaled for unit in (1.0, [1.0, 10.0, 100.0])]
        [False, True]
        """
        if scale not in ("auto", "columns", "none"):
            raise ValueError(
                f'scale: expected "auto", "columns" (each by its standard deviation) or "none", got {scale!r}.'
            )
        n = values.shape[1]
        if scale == "none" or (scale == "auto" and kind_of(values, seen) != "table"):
            return cls(np.zeros(n), np.ones(n), False)
        centre, spread = column_mean(values, seen), column_spread(values, seen)
        has_any = seen.any(axis=0)
        centre = np.where(has_any, centre, np.median(centre[has_any]))
        return cls(centre, np.where(has_any, spread, np.median(spread[has_any])), True)

    def into(self, values: Floats) -> Floats:
        """Bring values to one scale."""
        return ((values - self.centre) / self.spread).astype(values.dtype) if self.is_scaled else values

    def back(self, values: Floats) -> Floats:
        """Bring values back to their units."""
        return (values * self.spread + self.centre).astype(values.dtype) if self.is_scaled else values

    def widths_back(self, widths: Floats) -> Floats:
        """Bring differences of values back to their units."""
        return (widths * self.spread).astype(widths.dtype) if self.is_scaled else widths

    def error_back(self, error: float, seen: NDArray[np.bool_]) -> float:
        """Bring the error of all entries that are not seen, root mean square, back to units of the data."""
        count = np.count_nonzero(~seen, axis=0)
        return float(error * np.sqrt(np.sum(count * self.spread**2) / max(1, count.sum())))

    def completion_back(self, done: Completion, values: Floats) -> Completion:
        """Bring a completion back to units of the data, with the observed values as they were given."""
        X_hat = self.back(done.X_hat)
        error = None if done.expected_rmse is None else self.error_back(done.expected_rmse, done.mask)
        done = replace(done, X_hat=X_hat, completed=np.where(done.mask, values, X_hat), expected_rmse=error)
        if isinstance(done, GaussianCompletion) and done.normal is not None:
            mean = done.normal.mean * self.spread + self.centre
            covariance = done.normal.covariance * self.spread[:, None] * self.spread
            return replace(done, normal=Normal(mean, covariance))
        return done
