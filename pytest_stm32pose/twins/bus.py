"""Memory and registers of a device as its debug port sees them: any length, also while the core runs."""

from __future__ import annotations

import ctypes

from pytest_stm32pose.twins.device import Device, Fault, Region

PRIVATE = 0xE0000000


def address_of(region: Region, address: int) -> int:
    """Where in this process the byte at `address` is."""
    first = ctypes.addressof((ctypes.c_ubyte * region.length).from_buffer(region.buffer))
    return first + address - region.start


def read(device: Device, address: int, length: int) -> bytes:
    """Raises Fault."""
    data = b""
    while len(data) < length:
        at, left = address + len(data), length - len(data)
        region = device.region_at(at)
        if region is not None:
            size = min(left, region.start + region.length - at)
            data += ctypes.string_at(address_of(region, at), size)
        else:
            size = access_size(at, left)
            data += device.read(at, size).to_bytes(size, "little")
    return data


def write(device: Device, address: int, data: bytes) -> None:
    """As the core's access port does, which a region that is not writable refuses through the device. Raises Fault."""
    done = 0
    while done < len(data):
        at, left = address + done, len(data) - done
        region = device.region_at(at)
        if region is not None and region.writable:
            size = min(left, region.start + region.length - at)
            ctypes.memmove(address_of(region, at), data[done : done + size], size)
        else:
            size = access_size(at, left)
            device.write(at, size, int.from_bytes(data[done : done + size], "little"))
        done += size


def access_size(address: int, length: int) -> int:
    """Of the next aligned access of those that `length` bytes at `address` are made of."""
    return next(size for size in (4, 2, 1) if address % size == 0 and size <= length)


def holds(device: Device, address: int, length: int) -> bool:
    try:
        return len(read(device, address, length)) == length
    except Fault:
        return False
