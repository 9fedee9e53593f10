"""Fill the gaps of a table with matmend, in a process of its own, as `_tables_peers` does with a peer."""

import numpy as np

from benchmarks._tables_peers import Method, work


def completer(method: str) -> Method:
    """Make a method of `MatrixCompleter`."""

    def complete(X: np.ndarray) -> np.ndarray:
        from matmend.estimators import MatrixCompleter

        return MatrixCompleter(method, random_state=0).fit_transform(X)

    return complete


OURS: dict[str, Method] = {
    "matmend, auto": completer("auto"),
    "matmend, gaussian": completer("gaussian"),
    "matmend, soft_impute": completer("soft_impute"),
}
"""Name in the table, function. Import matmend inside of the function: the list is read without it too."""


if __name__ == "__main__":
    work(OURS, ("matmend", "scikit-learn", "jax", "numpy"))
