"""Damage to bytes: bit flips, cuts, splices, numbers that matter in headers, words that matter in text, pure noise."""

from collections.abc import Callable, Sequence

import numpy as np

Generator = np.random.Generator

_NUMBERS = [0, 1, 2, 3, 7, 8, 16, 127, 128, 255, 256, 1000, 32767, 65535, 2**20, 2**24, 2**27, 2**31 - 1, 2**31,
            2**32 - 1, 2**40, 10**12, 2**62, 2**63 - 1, 2**63, 2**64 - 1]  # fmt: skip
_COMMON = [
    b"", b"\0", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\n", b"\r\n", b"\r", b'"', b'"' * 3, b",", b";", b"\t", b"::", b" ",
    b"nan", b"inf", b"-inf", b"1e309", b"1e-400", b"-0", b"NA", b"true", b"9" * 25, b"0" * 5000, b"1" * 5000,
    b"," * 3000, b"\xef\xbb\xbf", b"\xff\xfe", "é".encode("latin-1"), "é☃".encode(), b"--", b"..", b"1.2.3", b"0x1F",
    b"../../etc/passwd", b"/etc/passwd", b"__import__('os')", b"cos\nsystem\n", b"\x80\x04\x95", b"PK\x05\x06",
]  # fmt: skip


def mutated(rng: Generator, data: bytes, others: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    """Return the bytes after one to eight damages.

    Parameters
    ----------
    rng : numpy.random.Generator
    data : bytes
    others : sequence of bytes
        Files to splice with.
    words : sequence of bytes
        What has a meaning in the format.
    """
    for _ in range(int(rng.choice([1, 1, 1, 2, 2, 3, 5, 8]))):
        damage = _DAMAGES[int(rng.integers(len(_DAMAGES)))]
        data = damage(rng, data, others, words)
    return data[: 2**20]


def _flip(rng: Generator, data: bytes, _others: Sequence[bytes], _words: Sequence[bytes]) -> bytes:
    if not data:
        return data
    changed = bytearray(data)
    for place in rng.integers(len(data), size=int(rng.choice([1, 1, 2, 4, 16]))):
        changed[place] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _flip_head(rng: Generator, data: bytes, others: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    return _flip(rng, data[:256], others, words) + data[256:]


def _set_byte(rng: Generator, data: bytes, _others: Sequence[bytes], _words: Sequence[bytes]) -> bytes:
    if not data:
        return data
    changed = bytearray(data)
    changed[int(rng.integers(len(data)))] = int(rng.choice([0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF, int(rng.integers(256))]))
    return bytes(changed)


def _set_number(rng: Generator, data: bytes, _others: Sequence[bytes], _words: Sequence[bytes]) -> bytes:
    width = int(rng.choice([1, 2, 4, 8]))
    if len(data) <= width:
        return data
    number = _NUMBERS[int(rng.integers(len(_NUMBERS)))] % 256**width
    place = int(rng.integers(min(len(data), 512) if rng.random() < 0.6 else len(data)))
    return data[:place] + number.to_bytes(width, "little" if rng.random() < 0.5 else "big") + data[place + width :]


def _set_digits(rng: Generator, data: bytes, _others: Sequence[bytes], _words: Sequence[bytes]) -> bytes:
    """Put another number where one is written in digits."""
    places = [i for i, byte in enumerate(data[:4096]) if 48 <= byte < 58]
    if not places:
        return data
    start = stop = places[int(rng.integers(len(places)))]
    while stop < len(data) and 48 <= data[stop] < 58:
        stop += 1
    number = str(_NUMBERS[int(rng.integers(len(_NUMBERS)))]).encode()
    return data[:start] + number + data[stop:]


def _cut(rng: Generator, data: bytes, _others: Sequence[bytes], _words: Sequence[bytes]) -> bytes:
    return data[: int(rng.integers(len(data) + 1))]


def _cut_out(rng: Generator, data: bytes, _others: Sequence[bytes], _words: Sequence[bytes]) -> bytes:
    a, b = sorted(int(i) for i in rng.integers(len(data) + 1, size=2))
    return data[:a] + data[min(b, a + int(rng.choice([1, 4, 32, 10**6]))) :]


def _repeat(rng: Generator, data: bytes, _others: Sequence[bytes], _words: Sequence[bytes]) -> bytes:
    a, b = sorted(int(i) for i in rng.integers(len(data) + 1, size=2))
    return data[:b] + data[a:b] * int(rng.choice([1, 2, 10, 100])) + data[b:]


def _swap(rng: Generator, data: bytes, _others: Sequence[bytes], _words: Sequence[bytes]) -> bytes:
    a, b, c = sorted(int(i) for i in rng.integers(len(data) + 1, size=3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]


def _splice(rng: Generator, data: bytes, others: Sequence[bytes], _words: Sequence[bytes]) -> bytes:
    other = others[int(rng.integers(len(others)))]
    return data[: int(rng.integers(len(data) + 1))] + other[int(rng.integers(len(other) + 1)) :]


def _insert(rng: Generator, data: bytes, _others: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    choice = [*_COMMON, *words]
    word, place = choice[int(rng.integers(len(choice)))], int(rng.integers(len(data) + 1))
    return data[:place] + word + data[place + (len(word) if rng.random() < 0.5 else 0) :]


def _noise(rng: Generator, data: bytes, _others: Sequence[bytes], _words: Sequence[bytes]) -> bytes:
    place, size = int(rng.integers(len(data) + 1)), int(rng.choice([1, 4, 16, 256, 4096]))
    return data[:place] + rng.bytes(size) + data[place + (size if rng.random() < 0.7 else 0) :]


def _zeros(rng: Generator, data: bytes, _others: Sequence[bytes], _words: Sequence[bytes]) -> bytes:
    place, size = int(rng.integers(len(data) + 1)), int(rng.choice([1, 4, 16, 256]))
    return data[:place] + bytes([int(rng.choice([0, 255]))]) * size + data[place + size :]


Damage = Callable[[Generator, bytes, Sequence[bytes], Sequence[bytes]], bytes]
_DAMAGES: list[Damage] = [
    _flip, _flip_head, _set_byte, _set_number, _set_number, _set_digits, _cut, _cut_out, _repeat, _swap, _splice,
    _insert, _noise, _zeros,
]  # fmt: skip
