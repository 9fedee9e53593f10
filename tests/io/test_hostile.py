"""Files made to do harm: refused in words, without the memory they ask for and without reading anything else."""

import bz2
import gzip
import io
import lzma
import struct
import tracemalloc
import warnings
import zipfile
import zlib
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
import tifffile
from PIL import Image
from scipy.io import savemat

from matmend.io import open_pairs, read_matrix, read_picture, read_ratings

MIB = 2**20


def npy(shape, content=b""):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return stream.getvalue() + content


def zipped(member):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("X.npy", member)
    return stream.getvalue()


def mat(shape, content):
    def element(kind, data):
        return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)

    parts = [(6, struct.pack("<II", 6, 0)), (5, struct.pack("<ii", *shape)), (1, b"X"), (9, content)]
    packed = zlib.compress(element(14, b"".join(element(*part) for part in parts)))
    return b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM" + struct.pack("<II", 15, len(packed)) + packed


ZEROS = bytes(24 * MIB)
TEXT = b"a,b,c\n" + b"1,2,3\n" * (4 * MIB)
MARKET = b"%%MatrixMarket matrix "
HOSTILE = {
    "huge.npy": npy((10**6, 10**6), bytes(64)),
    "long.npy": npy((10**12,), bytes(64)),
    "overflow.npy": npy((2**62, 8), bytes(64)),
    "bomb.npz": zipped(npy((1536, 2048), ZEROS)),
    "lie.npz": zipped(npy((10**5, 10**5), bytes(64))),
    "bomb.mat": mat((1536, 2048), ZEROS),
    "lie.mat": mat((10**6, 10**6), bytes(64)),
    "negative.mat": mat((-2, -2), bytes(32)),
    "bomb.csv.gz": gzip.compress(TEXT),
    "bomb.csv.bz2": bz2.compress(TEXT),
    "bomb.csv.xz": lzma.compress(TEXT),
    "lie.mtx": MARKET + b"array real general\n1000000000 1000000000\n1\n2\n",
    "wide.mtx": MARKET + b"coordinate real general\n1000000000 1000000000 1\n1 1 1\n",
    "columns.csv": b"1," * 100_000 + b"1\n",
    "quote.csv": b'a,b\n1,"2\n' + b"3,4\n" * 100,
    "late quote.csv": b"a,b\n" + b"3,4\n" * 100_000 + b'1,"2\n' + b"3,4\n" * 100,
    "nul.csv": b"a,b\n1,2\n\0,4\n",
    "mixed.csv": b"a,b\nx,1\n\xe9,2\n",
    "cut.csv.gz": gzip.compress(b"a,b\n1,2\n" * 1000)[:-20],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_matrices_are_refused(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(HOSTILE[name])
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"^expected"):
            read_matrix(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 64 * MIB  # NumPy's arrays and Python's bytes
    assert pa.total_allocated_bytes() - before < 64 * MIB  # its threads may hold some a moment longer


class Trap:
    """An object that leaves a trace when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_nothing_is_unpickled(tmp_path):
    trace = tmp_path / "trace"
    content = np.array([[Trap(trace)]], dtype=object)
    np.save(tmp_path / "x.npy", content, allow_pickle=True)
    np.savez(tmp_path / "x.npz", X=content)
    for name in ("x.npy", "x.npz"):
        with pytest.raises(ValueError, match=r"^expected"):
            read_matrix(tmp_path / name)
    assert not trace.exists()
    np.load(tmp_path / "x.npy", allow_pickle=True)
    assert trace.exists()  # the trap works


def test_no_other_file_is_read(tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["S"] = np.eye(3)
    layout = h5py.VirtualLayout((3, 3), "f8")
    layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "S", shape=(3, 3))
    (tmp_path / "raw").write_bytes(bytes(72))
    with h5py.File(tmp_path / "link.h5", "w") as file:
        file["X"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/S")
    with h5py.File(tmp_path / "virtual.h5", "w") as file:
        file.create_virtual_dataset("X", layout)
    with h5py.File(tmp_path / "external.h5", "w") as file:
        file.create_dataset("X", shape=(3, 3), dtype="f8", external=[(str(tmp_path / "raw"), 0, 72)])
    for name in ("link.h5", "virtual.h5", "external.h5"):
        with h5py.File(tmp_path / name) as file:
            assert np.asarray(file["X"]).shape == (3, 3)  # h5py by itself follows
        with pytest.raises(ValueError, match=r"holds none|lie in other files"):
            read_matrix(tmp_path / name)


def test_hdf5_that_states_too_much(tmp_path):
    with h5py.File(tmp_path / "giant.h5", "w") as file:
        file.create_dataset("X", shape=(10**6, 10**6), dtype="f8", chunks=(100, 100))
    with h5py.File(tmp_path / "chunk.h5", "w") as file:
        file.create_dataset(
            "X", dtype="f8", shape=(50, 50), maxshape=(None, None), chunks=(9000, 9000), compression="gzip"
        )
    with h5py.File(tmp_path / "filter.h5", "w") as file:
        file.create_dataset("X", data=np.zeros((10, 10)), compression="lzf")
    for name in ("giant.h5", "chunk.h5", "filter.h5"):
        with pytest.raises(ValueError, match=r"^expected"):
            read_matrix(tmp_path / name)


@pytest.mark.parametrize("codec", ["zstd", "lz4"])
def test_arrow_and_parquet_bombs(tmp_path, codec):
    bomb = pa.table({"user": np.zeros(3 * MIB, np.int64), "item": np.zeros(3 * MIB, np.int64)})
    feather.write_feather(bomb, str(tmp_path / "x.feather"), compression=codec)
    pq.write_table(bomb, tmp_path / "x.parquet", compression=codec)
    words = pa.table({"a": np.arange(200.0), "s": ["x" * MIB] * 200})
    pq.write_table(words, tmp_path / "words.parquet", compression=codec)
    for name in ("x.feather", "x.parquet", "words.parquet"):
        with pytest.raises(ValueError, match="unpacks to at most"):
            read_matrix(tmp_path / name)


def test_quotes_that_never_close_lose_no_lines(tmp_path):
    path = tmp_path / "r.csv"
    path.write_bytes(b"user,item,rating\n" + b"a,b,3\n" * 20_000 + b'"u,i,4\n' + b"c,d,5\n" * 20_000)
    for read in (read_ratings, lambda path: list(open_pairs(path).pieces())):
        with pytest.raises(ValueError, match=r"^expected"):
            read(path)


def test_pictures_that_state_too_much(tmp_path):
    def chunk(name, content):
        return len(content).to_bytes(4) + name + content + zlib.crc32(name + content).to_bytes(4)

    header = struct.pack(">IIBBBBB", 10**4, 10**4, 16, 6, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    (tmp_path / "lie.png").write_bytes(start + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b""))
    Image.new("1", (6000, 6000)).save(tmp_path / "bilevel.png")
    tifffile.imwrite(tmp_path / "zeros.tif", np.zeros((3400, 3400, 3), "f8"), compression="zstd", photometric="rgb")
    for name in ("lie.png", "bilevel.png", "zeros.tif"):
        with pytest.raises(ValueError, match=r"^expected"):
            read_picture(tmp_path / name)


def test_numbers_where_letters_belong_are_refused_without_a_remark(tmp_path):
    stream = io.BytesIO()
    savemat(stream, {"Xabcdefg": np.eye(2)}, do_compression=False)
    name = struct.pack("<II8s", 1, 8, b"Xabcdefg")
    assert name in stream.getvalue()
    path = tmp_path / "x.mat"
    path.write_bytes(stream.getvalue().replace(name, struct.pack("<IId", 9, 8, np.nan)))
    with warnings.catch_warnings(record=True) as remarks:
        warnings.simplefilter("always")
        with pytest.raises(ValueError, match=r"^expected a MATLAB file"):
            read_matrix(path)
    assert not remarks
