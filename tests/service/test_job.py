"""What the command does to its process before it listens."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest
from support import environment

MAPPED = """
import ctypes
from mnist_etc.composition import compose
from mnist_etc.service import server
from mnist_etc.service.config import ServiceCommand
from mnist_etc.service.job import serve

class Info(ctypes.Structure):
    _fields_ = [(f"field{number}", ctypes.c_size_t) for number in range(10)]

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes, libc.mallinfo2.restype = ctypes.c_void_p, [ctypes.c_void_p], Info

def mapped():
    return libc.mallinfo2().field3

def run(config):
    libc.free(libc.malloc(2**24))  # from here glibc by itself would keep blocks of up to so many bytes
    before = mapped()
    block = libc.malloc(2**20)
    assert block
    print(mapped() - before)

server.run = run
serve(compose("service", ServiceCommand, ["service.keys=null"]))
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="a setting of glibc")
def test_memory_of_large_pictures_goes_back_to_the_system() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MAPPED], capture_output=True, text=True, check=False, env=environment()
    )
    assert (done.stdout, done.stderr) == ("1\n", "")
