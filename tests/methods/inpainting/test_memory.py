import ctypes
import subprocess
import sys

import pytest

from matmend.methods.inpainting import memory

SCRIPT = """
import pathlib, resource
from matmend.methods.inpainting.memory import trim
def now():
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
many = [bytes(1000) for _ in range(100_000)]
kept = [bytes(1000)]  # above them: the heap cannot just shrink
del many
before = now()
assert trim()
print(before - now())
"""


@pytest.mark.skipif(memory._glibc() is None, reason="another C library than glibc")
def test_memory_goes_back_to_the_system():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 50e6


@pytest.mark.parametrize("error", [OSError, AttributeError])
def test_other_systems_are_left_alone(monkeypatch, error):
    def missing(name):
        raise error(name)

    memory._glibc.cache_clear()
    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert memory.trim() is False
    memory._glibc.cache_clear()
