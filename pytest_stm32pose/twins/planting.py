"""Faults that a user plants in a twin's model: --pose-twin-fault."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_stm32pose.twins.device import Device, maker


def plant(device: Device, fault: str) -> None:
    """Plants "name" or "name=value". Raises ValueError, a sentence."""
    name, _, value = fault.partition("=")
    if name not in device.FAULTS:
        known = ", ".join(device.FAULTS)
        raise ValueError(f"This twin has no fault {name!r}; it has {known}.")
    try:
        device.set_fault(name, value)
    except ValueError as error:
        raise ValueError(f"The twin's fault {fault!r} cannot be planted: {error}.") from error


def check(machine: str, faults: Iterable[str]) -> None:
    """Raises ValueError, a sentence: the model of a catalog's `machine` does not take one of them."""
    device = maker(machine)()
    for fault in faults:
        plant(device, fault)
