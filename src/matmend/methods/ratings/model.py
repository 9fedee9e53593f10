"""What training leaves: draws of the factors, and what can be asked of them."""

import os
import zlib
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matmend.io import Ratings, atomic_write
from matmend.io.delimited import check_file
from matmend.methods.ratings.ids import all_ids, positions

PIECE = 2**18
"""Pairs, or entries of a block of users' scores, that are worked on at once."""


class Predictions(NamedTuple):
    """Predicted ratings.

    Attributes
    ----------
    values : float32 array of shape (e,)
        Within the range of the ratings that were seen; never NaN.
    expected_errors : float32 array of shape (e,)
        Root mean square error to expect: what the draws disagree by, and the noise of a rating.
    row_is_known, col_is_known : bool arrays of shape (e,)
        False for ids without any rating: these fall back to what is usual.
    """

    values: NDArray[np.float32]
    expected_errors: NDArray[np.float32]
    row_is_known: NDArray[np.bool_]
    col_is_known: NDArray[np.bool_]


class Recommendations(NamedTuple):
    """The columns of highest prediction for each row, the best first.

    Attributes
    ----------
    row_ids : array of shape (k,)
    col_ids : array of shape (k, count)
    values, expected_errors : float32 arrays of shape (k, count)
        -inf and inf where a row has fewer unseen columns than asked for.
    """

    row_ids: NDArray[Any]
    col_ids: NDArray[Any]
    values: NDArray[np.float32]
    expected_errors: NDArray[np.float32]


@dataclass(frozen=True, eq=False, repr=False)
class RatingsModel:
    """A completed matrix of ratings: ``offset + scale * mean_d(U_d V_d')`` over draws d from the posterior.

    [`complete_ratings`][matmend.methods.ratings.complete_ratings] makes it.

    Parameters
    ----------
    U : float32 array of shape (k, m + 1, r)
        Row factors of each draw, and last their mean: that of anybody without ratings.
    V : float32 array of shape (k, n + 1, r)
        Likewise of the columns.
    ones : (int, int)
        Columns of U, of V that are constantly 1 (they carry the other factor's biases).
    row_centre, col_centre, row_precision, col_precision : float32 arrays of shape (k, r)
        Where the prior expects the rows of U and of V without links, and how near: for new rows to be folded in.
    row_links, col_links : float32 arrays of shape (k, n, r) and (k, m, r), optional
        What having rated a column adds to the centre of a row, and the other way round.
    U_drawn, V_drawn : float32 arrays like U, V, optional
        One of them: its factor as drawn, where `U` or `V` is the expectation given the other. Expectations predict
        better, draws tell the uncertainty.
    noises : float32 array of shape (k,)
        Standard deviation of the noise in each draw, in units of `scale`.
    offset, scale : float
        Mean and standard deviation of the ratings.
    low, high : float
        Least and greatest rating seen.
    row_ids, col_ids : arrays of shape (m,) and (n,), optional
        Increasing; None where ids are positions.
    heldout_error, baseline_error : float or None
        Root mean square error on held-out ratings, of the model and of a mean with row and column offsets.
    message : str
        What was chosen, and why training ended.
    record : tuple of dict
        One row for every sweep, see [`Alternation`][matmend.solve.Alternation].

    Examples
    --------
    >>> model = RatingsModel.of_factors(np.array([[1.0], [2.0]]), np.array([[3.0], [4.0]]))
    >>> model.predict([0, 1, 7], [1, 1, 0]).values.tolist()
    [4.0, 8.0, 4.5]
    """

    U: NDArray[np.float32]
    V: NDArray[np.float32]
    ones: tuple[int | None, int | None]
    row_centre: NDArray[np.float32]
    col_centre: NDArray[np.float32]
    row_precision: NDArray[np.float32]
    col_precision: NDArray[np.float32]
    noises: NDArray[np.float32]
    U_drawn: NDArray[np.float32] | None = None
    V_drawn: NDArray[np.float32] | None = None
    row_links: NDArray[np.float32] | None = None
    col_links: NDArray[np.float32] | None = None
    offset: float = 0.0
    scale: float = 1.0
    low: float = -np.inf
    high: float = np.inf
    row_ids: NDArray[Any] | None = None
    col_ids: NDArray[Any] | None = None
    heldout_error: float | None = None
    baseline_error: float | None = None
    message: str = ""
    record: tuple[dict[str, Any], ...] = ()

    @classmethod
    def of_factors(cls, U: ArrayLike, V: ArrayLike) -> "RatingsModel":
        """Make a model of one pair of factors; unknown rows and columns are the mean ones."""
        u, v = np.asarray(U, np.float32), np.asarray(V, np.float32)
        ones = np.ones((1, u.shape[1]), np.float32)
        u, v = (np.concatenate([x, x.mean(axis=0, keepdims=True)])[None] for x in (u, v))
        return cls(u, v, (None, None), u[:, -1], v[:, -1], ones, ones, np.zeros(1, np.float32))

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows and columns."""
        return self.U.shape[1] - 1, self.V.shape[1] - 1

    @property
    def noise(self) -> float:
        """Standard deviation of the noise of a rating."""
        return float(self.scale * np.sqrt(np.mean(self.noises**2)))

    def __repr__(self) -> str:
        k, _, r = self.U.shape
        error = "" if self.heldout_error is None else f", held-out RMSE {self.heldout_error:.4g}"
        return f"RatingsModel({self.shape[0]} x {self.shape[1]}, {k} draws of width {r}{error})"

    def predict(self, row_ids: ArrayLike, col_ids: ArrayLike) -> Predictions:
        """Predict the ratings of pairs.

        Parameters
        ----------
        row_ids, col_ids : arrays of shape (e,)
            As in the ratings: positions if those had no ids. Unknown ones are fine.

        Raises
        ------
        ValueError
            If the two are not one-dimensional and of one length, or words where the ratings had positions.
        """
        rows, cols = np.asarray(row_ids), np.asarray(col_ids)
        if rows.ndim != 1 or rows.shape != cols.shape:
            raise ValueError(f"Expected one column id for every row id, got shapes {rows.shape} and {cols.shape}.")
        i, row_known = positions(rows, self.row_ids, self.shape[0])
        j, col_known = positions(cols, self.col_ids, self.shape[1])
        return Predictions(*self._at(i, j), row_known, col_known)

    def recommend(
        self, row_ids: ArrayLike | None = None, *, count: int = 10, seen: Ratings | None = None
    ) -> Recommendations:
        """Find the columns of highest prediction.

        Parameters
        ----------
        row_ids : array of shape (k,), optional
            All rows by default. Unknown ids get what is liked by all.
        count : int, default 10
        seen : Ratings, optional
            Entries to leave out, usually those that the model was made of.

        Raises
        ------
        ValueError
            If `count` is not between 1 and the number of columns.
        """
        m, n = self.shape
        if not 1 <= count <= n:
            raise ValueError(f"Expected 1 to {n} recommendations, the number of columns, got count={count}.")
        ids = (np.arange(m) if self.row_ids is None else self.row_ids) if row_ids is None else np.asarray(row_ids)
        i, _ = positions(ids, self.row_ids, m)
        names = np.arange(n) if self.col_ids is None else self.col_ids
        order, starts = self._seen(seen)
        found = np.empty((ids.size, count), np.int64)
        values, errors = (np.empty(found.shape, np.float32) for _ in range(2))
        V = np.concatenate(list(self.V[:, :n]), axis=1)
        step = max(1, 16 * PIECE // max(n, V.shape[1]))
        for first in range(0, ids.size, step):
            rows = i[first : first + step]
            scores = np.concatenate(list(self.U[:, rows]), axis=1) @ V.T
            for place, row in enumerate(rows):
                scores[place, order[starts[row] : starts[row + 1]]] = -np.inf
            best = np.argpartition(-scores, count - 1, axis=1)[:, :count]
            rank = np.argsort(-np.take_along_axis(scores, best, 1), axis=1, kind="stable")
            best = np.take_along_axis(best, rank, 1)
            value, error = self._at(np.repeat(rows, count), best.ravel())
            is_free = np.isfinite(np.take_along_axis(scores, best, 1))
            found[first : first + step] = best
            values[first : first + step] = np.where(is_free, value.reshape(-1, count), -np.inf)
            errors[first : first + step] = np.where(is_free, error.reshape(-1, count), np.inf)
        return Recommendations(ids, names[found], values, errors)

    def fold_in(self, ratings: Ratings) -> "RatingsModel":
        """Take in new rows, or new ratings of old rows, with the columns as they are; nothing is trained again.

        Each row in `ratings` is solved for anew from the ratings given here alone. Columns that the model does not know
        are left out.

        Parameters
        ----------
        ratings : Ratings
            With ids if the model has ids.

        Returns
        -------
        RatingsModel
            With the new rows added, and rows with new ratings replaced.
        """
        from matmend.methods.ratings.folding import folded_in

        return folded_in(self, ratings)

    def transpose(self) -> "RatingsModel":
        """Exchange rows and columns: ``model.transpose().fold_in(...)`` takes in new columns."""
        return replace(
            self, U=self.V, V=self.U, U_drawn=self.V_drawn, V_drawn=self.U_drawn, ones=(self.ones[1], self.ones[0]),
            row_centre=self.col_centre, col_centre=self.row_centre, row_precision=self.col_precision,
            col_precision=self.row_precision, row_links=self.col_links, col_links=self.row_links, row_ids=self.col_ids,
            col_ids=self.row_ids,
        )  # fmt: skip

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write all of it to a .npz file, which gets its name when it is whole.

        Parameters
        ----------
        path : str or path
        overwrite : bool, default False
            Whether a file that is there already may be replaced.

        Raises
        ------
        ValueError
            If it cannot be written, or is there already.
        """
        numbers: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        numbers = {name: x for name, x in numbers.items() if x is not None}
        numbers["ones"] = np.array([-1 if x is None else x for x in self.ones])
        numbers["record"] = np.array([[row["sweep"], row["noise"], _or_nan(row["heldout"])] for row in self.record])
        for name in ("row_ids", "col_ids"):
            if name in numbers and numbers[name].dtype == object:
                numbers[name] = numbers[name].astype(str)  # no pickles: those of strangers run code
        with atomic_write(path, overwrite=overwrite) as temporary, temporary.open("wb") as file:
            np.savez(file, **numbers)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "RatingsModel":
        """Read what `save` wrote.

        Raises
        ------
        ValueError
            If the file is no model.
        """
        path = check_file(path)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                numbers = {name: archive[name] for name in archive.files}
            of_rows, of_cols = (None if x < 0 else int(x) for x in numbers.pop("ones"))
            rows = numbers.pop("record").reshape(-1, 3)
            record = tuple({"sweep": int(s), "noise": float(e), "heldout": _or_none(h)} for s, e, h in rows)
            plain = {k: x.item() if x.ndim == 0 else x for k, x in numbers.items()}
            for name in ("row_ids", "col_ids"):
                if name in plain and plain[name].dtype.kind == "U":
                    plain[name] = plain[name].astype(object)
            return cls(ones=(of_rows, of_cols), record=record, **plain)
        except (ValueError, KeyError, TypeError, AttributeError, OSError, EOFError, BadZipFile, zlib.error) as error:
            raise ValueError(
                f"expected a model of ratings, but {path} holds none ({error}): give a file that `save` or "
                "`matmend complete RATINGS -o model.npz` wrote"
            ) from error

    def _at(self, i: NDArray[np.int64], j: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        values, errors = np.empty(i.size, np.float32), np.empty(i.size, np.float32)
        for first in range(0, i.size, PIECE):
            piece = slice(first, first + PIECE)
            values[piece], errors[piece] = self._piece_at(i[piece], j[piece])
        return values, errors

    def _piece_at(self, i: NDArray[np.int64], j: NDArray[np.int64]) -> tuple[NDArray, NDArray]:
        m, n = self.shape
        row_is_new, col_is_new = i == m, j == n
        total, drawn_total, squares, unknown = (np.zeros(i.size, np.float64) for _ in range(4))
        U_drawn = self.U if self.U_drawn is None else self.U_drawn
        V_drawn = self.V if self.V_drawn is None else self.V_drawn
        for U, V, drawn_rows, drawn_cols in zip(self.U, self.V, U_drawn, V_drawn, strict=True):
            u, v = U[i], V[j]
            total += np.einsum("er,er->e", u, v)
            drawn = np.einsum("er,er->e", drawn_rows[i], drawn_cols[j]).astype(np.float64)
            drawn_total += drawn
            squares += drawn**2
            if not (row_is_new.any() or col_is_new.any()):
                continue
            # Somebody unknown may be like anybody.
            of_row, of_col = np.var(drawn_rows[:m], axis=0), np.var(drawn_cols[:n], axis=0)
            unknown[row_is_new] += v[row_is_new] ** 2 @ of_row
            unknown[col_is_new] += u[col_is_new] ** 2 @ of_col
            unknown[row_is_new & col_is_new] += of_row @ of_col
        k = len(self.U)
        mean = total / k
        spread = np.maximum(squares / k - (drawn_total / k) ** 2, 0) * (k / max(k - 1, 1))
        variance = spread + unknown / k + np.mean(self.noises.astype(np.float64) ** 2)
        return np.clip(self.offset + self.scale * mean, self.low, self.high), self.scale * np.sqrt(variance)

    def _seen(self, seen: Ratings | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        m, n = self.shape
        if seen is None:
            return np.zeros(0, np.int64), np.zeros(m + 2, np.int64)
        i, row_known = positions(all_ids(seen.row_ids, seen.shape[0]), self.row_ids, m)
        j, col_known = positions(all_ids(seen.col_ids, seen.shape[1]), self.col_ids, n)
        rows, cols = i[seen.rows], j[seen.cols]
        keep = row_known[seen.rows] & col_known[seen.cols]
        rows, cols = rows[keep], cols[keep]
        order = np.argsort(rows, kind="stable")
        return cols[order], np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=m + 1))])


def _or_nan(x: float | None) -> float:
    return np.nan if x is None else x


def _or_none(x: float) -> float | None:
    return None if np.isnan(x) else float(x)
