"""Data frames of pandas and polars, in and out, without importing either for those who do not use it."""

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray


def is_pandas(X: Any) -> bool:
    """Tell whether it is a DataFrame of pandas, without importing pandas."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(X, pandas.DataFrame)


def is_polars(X: Any) -> bool:
    """Tell whether it is a DataFrame of polars, without importing polars."""
    polars = sys.modules.get("polars")
    return polars is not None and isinstance(X, polars.DataFrame)


def is_frame(X: Any) -> bool:
    """Tell whether it is a DataFrame of pandas or polars."""
    return is_pandas(X) or is_polars(X)


def kind(X: Any) -> str:
    """Return "pandas" or "polars", or "array" for anything else."""
    return "pandas" if is_pandas(X) else "polars" if is_polars(X) else "array"


def columns_of(frame: Any) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the name and the values of every column, null as NaN; what is no number comes as it is.

    Examples
    --------
    >>> import polars as pl
    >>> [(name, column.tolist()) for name, column in columns_of(pl.DataFrame({"a": [1, None]}))]
    [('a', [1.0, nan])]
    """
    if is_pandas(frame):
        for j, name in enumerate(frame.columns):
            yield str(name), _of_pandas(frame.iloc[:, j])
    else:
        for column in frame.get_columns():
            yield column.name, _of_polars(column)


def _of_pandas(column: Any) -> NDArray[Any]:
    import pandas as pd

    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        return column.to_numpy()
    if isinstance(dtype, pd.CategoricalDtype):
        raise ValueError(f"column {column.name!r}: expected numbers, got categories; encode them or leave it out.")
    if isinstance(dtype, pd.SparseDtype):
        return column.to_numpy()  # its fill values are values, those that are NaN missing, as in any other column
    if pd.api.types.is_numeric_dtype(dtype):
        is_single = dtype.kind == "f" and dtype.itemsize == 4
        return column.to_numpy(dtype=np.float32 if is_single else np.float64, na_value=np.nan)
    return column.to_numpy(dtype=object)


def _of_polars(column: Any) -> NDArray[Any]:
    import polars as pl

    if column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null):
        return column.cast(pl.Float32 if column.dtype == pl.Float32 else pl.Float64).to_numpy()
    if column.dtype in (pl.String, pl.Object):
        return np.array(column.to_list(), dtype=object)
    raise ValueError(f"column {column.name!r}: expected numbers, got {column.dtype}; encode it or leave it out.")


def like(frame: Any, values: NDArray[np.floating], seen: NDArray[np.bool_]) -> Any:
    """Return a completed table in the form of the frame that was given.

    Parameters
    ----------
    frame : DataFrame of pandas or polars
    values : array of shape (m, n)
        Completed.
    seen : bool array of shape (m, n)
        True where observed.

    Returns
    -------
    DataFrame
        Names, index and columns without gaps are as they were, types included. Filled columns of floating point numbers
        keep their type; others (integers, booleans) become float64, or Float64 if they were nullable.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"a": [1, 2], "b": [0.5, None]}, index=["x", "y"])
    >>> done = like(frame, np.array([[1.0, 0.5], [2.0, 0.7]]), frame.notna().to_numpy())
    >>> done.loc["y"].tolist(), [str(dtype) for dtype in done.dtypes]
    ([2.0, 0.7], ['int64', 'float64'])
    """
    gaps = np.flatnonzero(~seen.all(axis=0)).tolist()
    if is_pandas(frame):
        import pandas as pd

        out = frame.copy()
        for j in gaps:
            kept = _filled_type(frame.dtypes.iloc[j])
            out.isetitem(j, pd.Series(values[:, j], index=frame.index, name=frame.columns[j]).astype(kept))
        return out
    import polars as pl

    out = frame.clone()
    for j in gaps:
        column = frame.to_series(j)
        kept = column.dtype if column.dtype in (pl.Float32, pl.Float64) else pl.Float64
        out.replace_column(j, pl.Series(column.name, np.ascontiguousarray(values[:, j])).cast(kept))
    return out


def _filled_type(dtype: Any) -> Any:
    """Return the type of a column of pandas after it was filled."""
    import pandas as pd

    if isinstance(dtype, np.dtype):
        return dtype if dtype.kind == "f" else np.dtype(np.float64)
    if isinstance(dtype, pd.ArrowDtype):
        return dtype if dtype.kind == "f" else "double[pyarrow]"
    if isinstance(dtype, (pd.Float32Dtype, pd.Float64Dtype)):
        return dtype
    is_masked = pd.api.types.is_numeric_dtype(dtype) and not isinstance(dtype, pd.SparseDtype)
    return pd.Float64Dtype() if is_masked else np.dtype(np.float64)
