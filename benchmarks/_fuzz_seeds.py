"""Small valid files of every format that matmend reads, what is damaged in them, and who reads them."""

import bz2
import gzip
import io
import lzma
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
from PIL import Image
from scipy import io as scipy_io
from scipy import sparse

from matmend.io import open_pairs, read_mask, read_matrix, read_picture, read_ratings, tell_kind

Repack = Callable[[bytes], bytes]
Part = tuple[bytes, Repack]


@dataclass(frozen=True)
class Target:
    """A reader with what it is to read.

    Parameters
    ----------
    read : callables
        Given a path.
    seeds : dict
        Suffix and bytes of valid files.
    words : list of bytes
    parts : callable
        Given a seed, the parts of it that can be damaged by themselves, each with how to make a whole file of it again:
        behind checksums and packing most random damage would be refused at the first look.
    """

    read: tuple[Callable[[Path], Any], ...]
    seeds: list[tuple[str, bytes]]
    words: list[bytes] = field(default_factory=list)
    parts: Callable[[bytes], list[Part]] = lambda data: []


def _saved(suffix: str, save: Callable[[Path], Any]) -> tuple[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"seed{suffix}")
        save(path)
        return suffix, path.read_bytes()


def _of_zip(data: bytes) -> list[Part]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}

    def packed(name: str) -> Repack:
        def pack(changed: bytes) -> bytes:
            stream = io.BytesIO()
            with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
                for other, content in members.items():
                    archive.writestr(other, changed if other == name else content)
            return stream.getvalue()

        return pack

    return [(content, packed(name)) for name, content in members.items()]


def _of_gzip(data: bytes) -> list[Part]:
    return [(gzip.decompress(data), lambda changed: gzip.compress(changed, 1))] if data[:2] == b"\x1f\x8b" else []


def _with_checksums(data: bytes) -> bytes:
    """Mend the checksums of the chunks of a PNG."""
    out, place = data[:8], 8
    while place + 12 <= len(data):
        size = min(int.from_bytes(data[place : place + 4]), len(data) - place - 12)
        body = data[place + 4 : place + 8 + size]
        out += data[place : place + 4] + body + zlib.crc32(body).to_bytes(4)
        place += 12 + size
    return out + data[place:]


def _of_png(data: bytes) -> list[Part]:
    return [(data, _with_checksums)] if data[:4] == b"\x89PNG" else []


def _of_mat(data: bytes) -> list[Part]:
    kind, size = struct.unpack_from("<II", data, 128)
    if kind != 15:
        return []
    inner = zlib.decompress(data[136 : 136 + size])

    def pack(changed: bytes) -> bytes:
        packed = zlib.compress(changed)
        return data[:128] + struct.pack("<II", 15, len(packed)) + packed + data[136 + size :]

    return [(inner, pack)]


def _hdf5(path: Path) -> None:
    import h5py

    with h5py.File(path, "w", userblock_size=512) as file:
        file.create_dataset("X", data=_X, compression="gzip", chunks=(2, 3)).attrs["MATLAB_class"] = np.bytes_("double")
        group = file.create_group("S")
        group.attrs["MATLAB_sparse"] = np.uint64(3)
        group["data"], group["ir"], group["jc"] = [1.0, 2.0], np.array([0, 2]), np.array([0, 1, 2])
    data = path.read_bytes()
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(116) + bytes(8) + b"\0\2IM" + data[128:])


def _plain_hdf5(path: Path) -> None:
    import h5py

    with h5py.File(path, "w", libver="latest") as file:
        file["X"] = _X
        file["group/I"] = np.arange(6).reshape(2, 3)
        file["soft"] = h5py.SoftLink("/X")


_X = np.array([[1.0, np.nan, 3.0, 4.0], [np.nan, 5.5, 6.0, 7.0], [8.0, 9.0, 1e-3, -2.0]])
_TABLE = pa.table({"id": ["a", "b", "c"], "x": [1, None, 3], "y": [0.5, 1.5, None], "note": ["u", "v", "u"]})
_RATINGS = pa.table({"user": ["u1", "u2", "u1"], "item": [1, 2, 3], "rating": [4.0, None, 5.0]})
_TEXT = b'city,t1,t2,note\nRome,20,NA,dry\n"Os,lo",,7.5,wet\nBonn,-1e3,0,"two ""words"""\n'
_LISTED = b"userId,movieId,rating,timestamp\n1,31,2.5,1260759144\n7,31,4,1260759200\n1,12,5,1260759300\n"
_MARKET = b"%%MatrixMarket matrix coordinate real general\n% a remark\n3 4 3\n1 1 2.5\n3 4 1e2\n2 2 -7\n"
_ARRAY = b"%%MatrixMarket matrix array real general\n2 3\n1\n2\n3\n4\n5\n6.5\n"
_STORED = sparse.csr_array(([1.0, 2.0, 3.0], ([0, 1, 2], [1, 0, 3])), shape=(3, 4))


def _pictures(format_: str, suffix: str, modes: str, **options: Any) -> list[tuple[str, bytes]]:
    rng = np.random.default_rng(0)
    made = []
    for mode in modes.split():
        shape = (9, 7) if mode in ("L", "1", "I;16", "F") else (9, 7, len(mode))
        pixels = rng.integers(0, 256, shape).astype({"I;16": np.uint16, "F": np.float32}.get(mode, np.uint8))
        image = Image.fromarray(pixels if mode != "1" else pixels > 127)
        made.append(_saved(suffix, lambda path, image=image: image.save(path, format_, **options)))
    return made


def targets() -> dict[str, Target]:
    """Return all readers by name."""
    import imagecodecs
    import tifffile

    pixels16 = np.arange(9 * 7 * 3, dtype=np.uint16).reshape(9, 7, 3) * 300
    arrow = [
        _saved(".feather", lambda p, c=c: feather.write_feather(_TABLE, str(p), compression=c))
        for c in ("lz4", "zstd", "uncompressed")
    ]
    stream = io.BytesIO()
    with pa.ipc.new_stream(stream, _RATINGS.schema) as writer:
        writer.write_table(_RATINGS)
    arrow.append((".arrow", stream.getvalue()))
    coded = _TABLE.set_column(0, "id", _TABLE["id"].dictionary_encode())
    arrow.append(_saved(".feather", lambda p: feather.write_feather(coded, str(p), compression="zstd")))
    parquet = [
        _saved(".parquet", lambda p, t=t, c=c, d=d: pq.write_table(t, p, compression=c, use_dictionary=d))
        for t, c, d in ((_TABLE, "snappy", True), (_TABLE, "none", False), (_RATINGS, "zstd", True),
                        (_TABLE, "gzip", True))
    ]  # fmt: skip
    npy = [_saved(".npy", lambda p, a=a: np.save(p, a))
           for a in (_X, np.arange(6).reshape(2, 3), _X.T.astype("f4"), _X > 2, _X.astype(">f8"))]  # fmt: skip
    dense = [_saved(".npz", lambda p: np.savez(p, X=_X)), _saved(".npz", lambda p: np.savez_compressed(p, a=_X, b=_X))]
    listed = [
        _saved(".npz", lambda p, k=k: sparse.save_npz(p, _STORED.asformat(k))) for k in ("csr", "csc", "coo", "bsr")
    ] + [_saved(".npz", lambda p: np.savez(p, rows=[0, 2], cols=[1, 0], values=[4.0, 5.0], shape=[3, 3]))]
    mat = [
        _saved(".mat", lambda p, c=c: scipy_io.savemat(p, {"X": _X, "S": sparse.csc_array(_STORED), "t": "text",
                                                           "c": [1j, 2], "d": {"x": 1}}, do_compression=c))
        for c in (False, True)
    ] + [_saved(".mat", lambda p: scipy_io.savemat(p, {"X": _X}, do_compression=True))]  # fmt: skip
    texts = [(".csv", _TEXT), (".tsv", _TEXT.replace(b",", b"\t")), (".csv", b"1,2\n3,\n,4\n"),
             (".csv", b"name;2001;2002\nnorth;3,5;\nsouth;;7,25\n")]  # fmt: skip
    lists = [
        (".csv", _LISTED),
        (".dat", b"1::1193::5::978300760\n2::661::3::978302109\n"),
        (".tsv", b"u\ti\t3\nv\tj\t4\n"),
    ]
    packed = [(".csv.gz", gzip.compress(_TEXT)), (".csv.bz2", bz2.compress(_TEXT)), (".csv.xz", lzma.compress(_TEXT)),
              (".csv.zst", bytes(pa.compress(_TEXT, "zstd", asbytes=True))),
              (".mtx.gz", gzip.compress(_MARKET))]  # fmt: skip
    png = [*_pictures("PNG", ".png", "L RGB RGBA 1 I;16"), (".png", bytes(imagecodecs.png_encode(pixels16)))]
    tiff = [
        _saved(".tif", lambda p, a=a, c=c, t=t: tifffile.imwrite(p, a, compression=c, tile=t))
        for a, c, t in ((pixels16, None, None), (pixels16, "zlib", (16, 16)), (pixels16[..., 0] / 7.0, "lzw", None))
    ] + _pictures("TIFF", ".tif", "L 1 RGB", compression="tiff_adobe_deflate")  # fmt: skip
    numbers = [b"<f8", b"|O", b"'shape': (", b"fortran_order", b"(1000000000000,)", b"V8", b"\x93NUMPY\x01\0"]
    every = [*texts[:2], *lists, *packed[:3], *parquet[:1], *arrow[:1], *npy[:2], *dense[:1], *listed[:1], *mat[:1],
             (".mtx", _MARKET), (".mtx", _ARRAY), *png[:1]]  # fmt: skip
    market = [b"array", b"coordinate", b"symmetric", b"pattern", b"complex", b"skew-symmetric", b"integer", b"% "]
    return {
        "text": Target((read_matrix,), texts),
        "text packed": Target((read_matrix, read_ratings), packed, parts=_of_gzip),
        "ratings": Target((read_ratings,), lists),
        "pairs": Target((lambda p: list(open_pairs(p).pieces()),), [*lists, parquet[2], arrow[3]]),
        "parquet": Target((read_matrix, read_ratings), parquet),
        "arrow": Target((read_matrix, read_ratings), arrow),
        "npy": Target((read_matrix,), npy, numbers),
        "npz": Target((read_matrix,), dense, numbers, _of_zip),
        "npz entries": Target((read_ratings, read_matrix), listed, [*numbers, b"csr", b"coo", b"bsr", b"dia"], _of_zip),
        "mtx": Target((read_ratings, read_matrix), [(".mtx", _MARKET), (".mtx", _ARRAY)], market),
        "mat": Target((lambda p: read_matrix(p, name="X"), lambda p: read_matrix(p, name="S"), read_matrix), mat,
                      [b"MI", struct.pack("<II", 14, 48), struct.pack("<II", 15, 48)], _of_mat),
        "mat 7.3": Target((lambda p: read_matrix(p, name="X"), lambda p: read_matrix(p, name="S"), read_matrix),
                          [_saved(".mat", _hdf5), _saved(".h5", _plain_hdf5)], [b"OHDR", b"TREE", b"SNOD", b"HEAP"]),
        "png": Target((read_picture,), png, [b"IDAT", b"tRNS", b"PLTE", b"acTL", b"iCCP", b"eXIf"], _of_png),
        "jpeg": Target((read_picture,), _pictures("JPEG", ".jpg", "L RGB"), [b"\xff\xd8", b"\xff\xc2", b"\xff\xda"]),
        "tiff": Target((read_picture,), tiff),
        "bmp": Target((read_picture,), _pictures("BMP", ".bmp", "L RGB 1")),
        "webp": Target((read_picture,), [*_pictures("WEBP", ".webp", "RGB", lossless=True),
                                         *_pictures("WEBP", ".webp", "RGBA", quality=50)], [b"VP8L", b"ANIM", b"ALPH"]),
        "mask": Target((lambda p: read_mask(p, (9, 7)), lambda p: read_mask(p, (3, 4))), [npy[3], *png[:2]], numbers,
                       _of_png),
        "kind": Target((tell_kind,), every),
    }  # fmt: skip
