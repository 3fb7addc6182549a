"""Bytes of memories: RAM with noise in it after power-up, erased flash that takes room only where it is written."""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
from typing import Any

_NOISE = 0x5A
_CHUNK = 2 << 20


def ram(length: int) -> Any:
    """`length` bytes, on pages that the system gives when they are touched."""
    return (ctypes.c_ubyte * length).from_buffer(mmap.mmap(-1, length))


def fill_with_noise(buffer: Any) -> None:
    """What RAM holds that was without power (or refresh): never the zeros that a program may hope for."""
    ctypes.memset(ctypes.addressof(buffer), _NOISE, len(buffer))


def erased(length: int) -> Any:
    """`length` bytes of 0xFF.

    Large ones are pages of one small file, each copied when it is written first (Linux); elsewhere they are filled.
    """
    memory = mmap.mmap(-1, length)
    buffer = (ctypes.c_ubyte * length).from_buffer(memory)
    if length < 2 * _CHUNK or not sys.platform.startswith("linux") or not _share(ctypes.addressof(buffer), length):
        ctypes.memset(ctypes.addressof(buffer), 0xFF, length)
    return buffer


def _share(address: int, length: int) -> bool:
    """Lays one file of ones over all of it. False: the system does not let us."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, *(ctypes.c_int,) * 3, ctypes.c_long)
    file = os.memfd_create("erased")
    try:
        os.write(file, b"\xff" * _CHUNK)
        access, kind = mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | 0x10  # MAP_FIXED
        return all(
            libc.mmap(address + at, min(_CHUNK, length - at), access, kind, file, 0) == address + at
            for at in range(0, length, _CHUNK)
        )
    finally:
        os.close(file)


def view(buffer: Any) -> memoryview:
    """Its bytes, for slices in both directions."""
    return memoryview(buffer).cast("B")
