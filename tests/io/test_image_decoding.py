"""Image files as they come: every depth and flavour, and damaged ones, where ValueError is the only exception."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from _pictures import save
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from matmend.io import read_picture, write_picture


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width, height, depth, color, rows, *extra):
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    body = [chunk(b"IHDR", header), *extra, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


# ---------------------------------------------------------------- alpha, palettes, depths


def test_interlaced_16_bit_png(tmp_path):
    values = np.random.default_rng(7).integers(0, 65536, (9, 11, 3), dtype=np.uint16)
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]  # Adam7
    grids = [values[y::dy, x::dx].astype(">u2") for y, x, dy, dx in passes]
    rows = b"".join(b"\0" + row.tobytes() for grid in grids for row in grid)
    header = struct.pack(">IIBBBBB", 11, 9, 16, 2, 0, 0, 1)
    data = png(11, 9, 16, 2, rows)
    (tmp_path / "a.png").write_bytes(data[:8] + chunk(b"IHDR", header) + data[33:])
    np.testing.assert_array_equal(np.rint(read_picture(tmp_path / "a.png").pixels * 65535), values)


def test_palette_is_read_as_colour(tmp_path):
    indices = np.arange(12, dtype=np.uint8).reshape(3, 4)
    image = Image.fromarray(indices).convert("P")
    image.putpalette([17 * i % 256 for i in range(768)])
    for name, options in [("a.png", {}), ("b.bmp", {}), ("c.tif", {}), ("d.png", {"transparency": 5})]:
        image.save(tmp_path / name, **options)
        picture = read_picture(tmp_path / name)
        np.testing.assert_array_equal(np.rint(picture.pixels * 255), np.asarray(image.convert("RGB")))
        np.testing.assert_array_equal(picture.mask, indices != 5 if options else True)
        write_picture(tmp_path / f"{name}.png", picture.pixels, picture.storage)


@pytest.mark.parametrize(("depth", "scale", "packed"), [(1, 255, 0b10110000), (2, 85, 0b11001001), (4, 17, 0x5F)])
def test_shallow_gray_png(tmp_path, depth, scale, packed):
    width = 8 // depth
    levels = [(packed >> (8 - depth * (i + 1))) & (2**depth - 1) for i in range(width)]
    (tmp_path / "a.png").write_bytes(png(width, 1, depth, 0, bytes([0, packed])))
    picture = read_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(np.rint(picture.pixels.ravel() * 255), np.array(levels) * scale)
    transparent = chunk(b"tRNS", struct.pack(">H", levels[0]))
    (tmp_path / "b.png").write_bytes(png(width, 1, depth, 0, bytes([0, packed]), transparent))
    assert read_picture(tmp_path / "b.png").mask.ravel().tolist() == [level != levels[0] for level in levels]


def test_transparent_colour_of_16_bit_png(tmp_path):
    rows = b"\0" + struct.pack(">6H", 1, 2, 3, 1, 2, 4)
    (tmp_path / "a.png").write_bytes(png(2, 1, 16, 2, rows, chunk(b"tRNS", struct.pack(">3H", 1, 2, 3))))
    picture = read_picture(tmp_path / "a.png")
    assert picture.mask.tolist() == [[False, True]]
    assert np.rint(picture.pixels * 65535).tolist() == [[[1, 2, 3], [1, 2, 4]]]


def test_cmyk_jpeg_is_read_as_rgb(tmp_path):
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    image.save(tmp_path / "a.jpg", icc_profile=b"for four inks")
    picture = read_picture(tmp_path / "a.jpg")
    np.testing.assert_allclose(picture.pixels[0, 0], [1, 0, 0], atol=0.02)
    assert picture.storage.icc_profile is None


# ---------------------------------------------------------------- TIFF as it comes


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "lzw"},
        {"compression": "zlib", "predictor": True},
        {"compression": "zstd"},
        {"byteorder": ">"},
        {"bigtiff": True},
        {"tile": (16, 16)},
        {"rowsperstrip": 3},
        {"planarconfig": "separate"},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_tiff_flavours(tmp_path, options, dtype):
    values = (np.random.default_rng(2).random((20, 30, 3)) * 255).astype(dtype)
    stored = np.moveaxis(values, 2, 0) if "planarconfig" in options else values
    picture = read_picture(save(tmp_path / "a.tif", stored, **options))
    write_picture(tmp_path / "b.tif", picture.pixels, picture.storage)
    np.testing.assert_allclose(
        tifffile.imread(tmp_path / "b.tif"), values, rtol=0, atol=1e-4 if dtype == "float32" else 0
    )


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16"])
def test_white_is_zero(tmp_path, dtype):
    values = (np.random.default_rng(3).random((4, 9, 1)) * 70000).astype("uint16").astype(dtype)
    values = values if dtype != "bool" else values & (np.arange(9) % 2 == 0)[:, np.newaxis]
    full = 1 if dtype == "bool" else np.iinfo(dtype).max
    picture = read_picture(save(tmp_path / "a.tif", values, photometric="miniswhite"))
    np.testing.assert_allclose(picture.pixels, 1 - values / full, atol=1e-6)


def tiff_pages(path):
    with tifffile.TiffWriter(path) as writer:
        for _ in range(3):
            writer.write(np.zeros((4, 5), np.uint8), contiguous=False)


def animated(path):
    frames = [Image.new("RGB", (4, 5), (i, 90 * i, 0)) for i in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("a.tif", tiff_pages, "3 pages"),
        ("a.tif", lambda p: tifffile.imwrite(p, np.zeros((3, 4, 5), np.uint8), imagej=True), "3 pages"),
        (
            "a.tif",
            lambda p: tifffile.imwrite(p, np.zeros((16, 16, 16), "u1"), volumetric=True, tile=(16, 16, 16)),
            "16 pages",
        ),
        # ImageJ: one page, and a note that two more images follow it
        ("a.tif", lambda p: save(p, np.zeros((4, 5, 1), "u1"), description="ImageJ=1.54f\nimages=3\n"), "3 pages"),
        ("a.png", animated, "3 pages"),
        ("a.webp", animated, "3 pages"),
        ("a.tif", lambda p: save(p, np.zeros((4, 5, 1), np.int32)), "32-bit int32"),
        ("a.tif", lambda p: save(p, np.zeros((4, 5, 1), np.uint32)), "32-bit uint32"),
        ("a.tif", lambda p: save(p, np.zeros((4, 5, 1), np.float32), photometric="miniswhite"), "white is zero"),
        ("a.tif", lambda p: save(p, np.zeros((4, 5, 4), "u1"), extrasamples=["unspecified"]), "not declared as alpha"),
        ("a.tif", lambda p: save(p, np.full((4, 5, 4), 7, "u1"), extrasamples=["assocalpha"]), "straight alpha"),
        ("a.tif", lambda p: save(p, np.zeros((4, 5, 5), "u1"), extrasamples=["unassalpha"] * 2), "5 channels"),
        ("a.tif", lambda p: Image.new("LAB", (4, 5)).save(p), "LAB"),
        ("a.png", lambda p: p.write_bytes(b""), "empty"),
        ("a.png", lambda p: p.write_text("not an image at all"), "starts like none"),
        ("a.gif", lambda p: Image.new("L", (4, 5)).save(p), "convert"),
        ("a.png", lambda p: p.write_bytes(png(0, 4, 8, 0, b"")), "4 x 0"),
        ("a.png", lambda p: p.write_bytes(png(10**6, 10**6, 8, 0, b"")), "1000000 x 1000000"),
        ("a.bmp", lambda p: p.write_bytes(forged_bmp(10**5, 10**5)), "at most"),
        ("a.bmp", lambda p: p.write_bytes(forged_bmp(12000, 12000)), "12000 x 12000"),
        ("a.tif", lambda p: p.write_bytes(forged_tiff(10**9)), "1000000000 x 5"),
        ("a.png", lambda p: p.mkdir(), "folder"),
        ("a.png", lambda p: p.symlink_to(p.parent / "gone"), "not there"),
    ],
)
def test_refusals_name_the_file_and_the_reason(tmp_path, name, make, words):
    path = tmp_path / name
    make(path)
    with pytest.raises(ValueError, match=words) as caught:
        read_picture(path)
    assert str(path) in str(caught.value)
    assert str(caught.value).startswith("expected ")


def forged_bmp(width, height):
    stream = io.BytesIO()
    Image.new("L", (4, 4)).save(stream, "BMP")
    data = bytearray(stream.getvalue())
    data[18:26] = struct.pack("<ii", width, height)
    return bytes(data)


def forged_tiff(height):
    stream = io.BytesIO()
    tifffile.imwrite(stream, np.zeros((4, 5), np.uint8), metadata=None)
    data = bytearray(stream.getvalue())
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        tag = file.pages.first.tags["ImageLength"]
    data[tag.offset + 2 : tag.offset + 12] = struct.pack("<HII", 4, 1, height)
    return bytes(data)


def test_premultiplied_colours_are_fine_where_alpha_is_all_or_nothing(tmp_path):
    values = np.full((2, 2, 4), 255, np.uint8)
    values[0, 0] = 0
    picture = read_picture(save(tmp_path / "a.tif", values, extrasamples=["assocalpha"]))
    assert picture.mask.tolist() == [[False, True], [True, True]]


# ---------------------------------------------------------------- damaged files


def samples():
    generator = np.random.default_rng(4)
    color = generator.integers(0, 256, (24, 20, 3), dtype=np.uint8)
    deep = generator.integers(0, 65536, (24, 20, 3), dtype=np.uint16)
    return [
        ("deep.png", deep, {}),
        ("plain.png", color, {"optimize": True}),
        ("rgb.jpg", color, {}),
        ("progressive.jpg", color, {"progressive": True}),
        ("rgb.bmp", color, {}),
        ("rgb.webp", color, {}),
        ("raw.tif", deep, {}),
        ("strips.tif", deep, {"compression": "lzw", "rowsperstrip": 5}),
        ("zlib.tif", deep.astype("f4"), {"compression": "zlib", "predictor": True}),
        ("jpeg.tif", color, {"compression": "jpeg"}),
    ]


@pytest.mark.parametrize(("name", "values", "options"), samples(), ids=lambda v: v if isinstance(v, str) else "")
def test_damaged_files(tmp_path, capfd, name, values, options):
    path = save(tmp_path / name, values, **options)
    data, right = path.read_bytes(), read_picture(path).pixels
    generator = np.random.default_rng(5)
    for length in {0, 1, 8, 40, len(data) - 1, *generator.integers(0, len(data), 60).tolist()}:
        path.write_bytes(data[:length])
        try:
            pixels = read_picture(path).pixels
        except ValueError as error:
            assert str(path) in str(error)  # noqa: PT017 - either outcome is right
        else:
            np.testing.assert_array_equal(pixels, right)
    for _ in range(80):  # damage that no check sums see gives some picture, but never another exception
        damaged = bytearray(data)
        head = generator.random() < 0.5
        for at in generator.integers(4, min(200, len(data)) if head else len(data), generator.integers(1, 9)):
            damaged[at] = generator.integers(256)
        path.write_bytes(damaged)
        try:
            picture = read_picture(path)
        except ValueError as error:
            assert str(path) in str(error)  # noqa: PT017 - either outcome is right
        else:
            assert np.isfinite(picture.pixels).all()
            assert picture.pixels.shape[:2] == picture.mask.shape
    if name != "jpeg.tif":  # libtiff, which Pillow calls for this one, writes to stderr by itself
        assert capfd.readouterr().err == ""


@given(
    magic=st.sampled_from(
        [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", b"II*\0", b"MM\0*", b"II+\0", b"RIFF\0\0\1\0WEBP"]
    ),
    rest=st.binary(max_size=300),
)
@settings(max_examples=150, deadline=None)
def test_noise_with_the_right_beginning(tmp_path_factory, magic, rest):
    path = tmp_path_factory.mktemp("noise") / "a.png"
    path.write_bytes(magic + rest)
    with pytest.raises(ValueError, match="expected"):
        read_picture(path)
