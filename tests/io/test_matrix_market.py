import numpy as np
import pytest
from scipy import io as scipy_io
from scipy import sparse

from matmend.io import matrix_market
from matmend.io.matrix_market import read_array, read_entries, read_header
from matmend.io.sparse_files import read_sparse


@pytest.mark.parametrize("symmetry", ["general", "symmetric", "skew-symmetric"])
@pytest.mark.parametrize("field", ["real", "integer", "pattern"])
def test_what_scipy_writes_is_read(tmp_path, monkeypatch, symmetry, field):
    if (symmetry, field) == ("skew-symmetric", "pattern"):
        pytest.skip("a pattern has no sign")
    monkeypatch.setattr(matrix_market, "PIECE", 7)
    X = np.triu(np.random.default_rng(0).integers(-3, 4, (9, 9)), 1).astype(float)
    X = {"general": X, "symmetric": X + X.T, "skew-symmetric": X.T - X}[symmetry]
    scipy_io.mmwrite(tmp_path / "x.mtx", sparse.coo_array(X), symmetry=symmetry, field=field)
    header = read_header(tmp_path / "x.mtx")
    assert (header.rows, header.cols, header.symmetry, header.field) == (9, 9, symmetry, field)
    rows, cols, values = read_entries(tmp_path / "x.mtx")
    expected = (X != 0).astype(float) if field == "pattern" else X
    np.testing.assert_array_equal(sparse.coo_array((values, (rows, cols)), shape=X.shape).toarray(), expected)


def test_a_full_matrix_is_read(tmp_path):
    X = np.random.default_rng(0).normal(size=(4, 3))
    scipy_io.mmwrite(tmp_path / "x.mtx", X, precision=17)
    np.testing.assert_array_equal(read_array(tmp_path / "x.mtx"), X)


BAD = {
    "a letter in a number": b"%%MatrixMarket matrix coordinate real general\n6 5 2\n1 1 6n70624414693E-1\n1 2 4.2\n",
    "a byte that is no text": b"%%MatrixMarket matrix coordinate real general\n6 5 1\n1 1 6.70624\xf4146936303E-1\n",
    "a colon": b"%%MatrixMarket matrix coordinate real general\n6 5 2\n1 1 6.70\n1 5 5.414612202490:17E-1\n",
    "too few entries": b"%%MatrixMarket matrix coordinate real general\n6 5 2\n1 1 6.70\n",
    "too many entries": b"%%MatrixMarket matrix coordinate real general\n6 5 1\n1 1 6.70\n1 2 3\n",
    "two numbers for three": b"%%MatrixMarket matrix coordinate real general\n6 5 1\n1 1\n",
    "lines of different lengths": b"%%MatrixMarket matrix coordinate real general\n6 5 2\n1 1\n1 2 3\n",
    "no size": b"%%MatrixMarket matrix coordinate real general\n% 6 5 1\n",
    "a size of words": b"%%MatrixMarket matrix coordinate real general\nsix 5 1\n",
    "another first line": b"6 5 1\n1 1 2\n",
    "complex": b"%%MatrixMarket matrix coordinate complex general\n1 1 1\n1 1 2 3\n",
    "outside": b"%%MatrixMarket matrix coordinate real general\n2 2 1\n3 1 2\n",
    "nothing": b"",
}


@pytest.mark.parametrize("case", BAD)
def test_damaged_files_are_refused(tmp_path, case):
    path = tmp_path / "bad.mtx"
    path.write_bytes(BAD[case])
    with pytest.raises(ValueError, match=r"^expected"):
        read_sparse(path)
