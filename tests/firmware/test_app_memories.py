"""MEMORIES, PLACE and MEMORY_SPEED (PROTOCOL.md): where a network runs from, with the same bits wherever that is."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pytest

from pytest_stm32pose.errors import DeviceError
from pytest_stm32pose.models.zoo import default_model
from pytest_stm32pose.network.compile import CompiledNetwork, compile_model
from pytest_stm32pose.network.image import image_crc32
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.protocol.messages import AS_STARTED, Capability, Command
from pytest_stm32pose.transports.base import Transport
from pytest_stm32pose.types import DeviceMemory
from tests.firmware.host_device import HostDevice, mailbox_transport, running, serial_transport

TIMEOUT_S = 60.0
#: The host's table (firmware/boards/host/board.c).
FLASH, RAM, EXTRA, GONE = range(4)
PARAM, LENGTH, STATE, NO_NETWORK, MEMORY = 3, 2, 6, 8, 11


@pytest.fixture(scope="module")
def network() -> CompiledNetwork:
    return compile_model(default_model())


@pytest.fixture(scope="module")
def device(network: CompiledNetwork) -> Iterator[HostDevice]:
    with running(network.image) as started:
        yield started


@pytest.fixture(params=[serial_transport, mailbox_transport], ids=["serial", "swd"])
def client(request: pytest.FixtureRequest, device: HostDevice) -> Iterator[PoseClient]:
    transport: Transport = request.param(device)
    transport.open(TIMEOUT_S)
    found = PoseClient(transport)
    found.hello()
    yield found
    found.place()
    transport.close()


@pytest.fixture(scope="module")
def picture(network: CompiledNetwork) -> bytes:
    shape = network.description.input_shape
    return np.random.default_rng(5).integers(0, 256, shape, dtype=np.uint8).tobytes()


def outputs(client: PoseClient, picture: bytes) -> list[bytes]:
    """Every tensor that a run shows."""
    client.upload(0, picture)
    result = client.infer(0, zlib.crc32(picture), len(picture), outputs=True, intermediates=True)
    return [each.data.tobytes() for each in (*result.outputs, *result.intermediates)]


def with_arena(image: bytes, arena_bytes: int) -> bytes:
    """The image, as if its network needed a larger arena."""
    changed = bytearray(image)
    struct.pack_into("<I", changed, 120, arena_bytes)
    struct.pack_into("<I", changed, 12, image_crc32(changed))
    return bytes(changed)


def places(client: PoseClient) -> tuple[list[str], list[str]]:
    memories = client.memories()
    return [each.name for each in memories if each.has_weights], [each.name for each in memories if each.has_arena]


def test_the_memories_are_told_with_what_is_in_them(client: PoseClient) -> None:
    assert client.hello().capabilities & Capability.MEMORIES
    flash, ram, extra, gone = client.memories()
    assert flash == DeviceMemory("flash", "", flash.address, 16 << 20, False, False, True, False)
    assert ram == DeviceMemory("ram", "", ram.address, 4 << 20, True, False, False, True)
    assert extra == DeviceMemory("extra", "of the host", extra.address, 8 << 20, True, True, False, False)
    assert (gone.words, gone.bytes_, gone.has_weights, gone.has_arena) == ("gone does not answer", 0, False, False)


@pytest.mark.parametrize(
    ("weights", "arena", "told"),
    [
        (RAM, AS_STARTED, (["ram"], ["ram"])),
        (EXTRA, AS_STARTED, (["extra"], ["ram"])),
        (AS_STARTED, EXTRA, (["flash"], ["extra"])),
        (RAM, EXTRA, (["ram"], ["extra"])),
        (EXTRA, EXTRA, (["extra"], ["extra"])),
    ],
)
def test_bits_do_not_depend_on_the_place(
    client: PoseClient, picture: bytes, weights: int, arena: int, told: tuple[list[str], list[str]]
) -> None:
    expected = outputs(client, picture)
    before = client.network_info()
    client.place(weights, arena)
    assert places(client) == told
    assert outputs(client, picture) == expected
    after = client.network_info()
    assert (after.status, after.image_crc32, after.sha256) == (0, before.image_crc32, before.sha256)
    client.place()
    assert places(client) == (["flash"], ["ram"])
    assert client.network_info() == before


def test_the_copy_is_what_runs(
    client: PoseClient, device: HostDevice, network: CompiledNetwork, picture: bytes
) -> None:
    """Once copied, the flash is not read any more: overwritten there, the network answers as before; the self test,
    which looks at both, sees it."""
    expected = outputs(client, picture)
    client.place(RAM)
    assert client.self_test().passed
    assert places(client) == (["ram"], ["ram"])  # the self test's own network took the arena, and gave it back
    device.flash(bytes(len(network.image)))
    try:
        assert outputs(client, picture) == expected
        assert not client.self_test().results["network"]
    finally:
        device.flash(network.image)
        client.place()


def test_the_copy_lies_behind_the_arena(client: PoseClient, picture: bytes) -> None:
    """What is reported as the arena's high-water mark is the network's, not the copy's."""
    outputs(client, picture)
    before = client.memory().arena_high_water
    client.place(RAM)
    outputs(client, picture)
    assert client.memory().arena_high_water == before
    info = client.network_info()
    assert info.arena_bytes <= info.arena_available < info.arena_bytes + 32


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        (bytes([FLASH, AS_STARTED]), PARAM),
        (bytes([AS_STARTED, FLASH]), PARAM),
        (bytes([GONE, AS_STARTED]), PARAM),
        (bytes([AS_STARTED, GONE]), PARAM),
        (bytes([4, AS_STARTED]), PARAM),
        (b"", LENGTH),
        (bytes([AS_STARTED]), LENGTH),
        (bytes(3), LENGTH),
    ],
)
def test_what_no_network_can_be_put_into_is_refused(
    client: PoseClient, picture: bytes, payload: bytes, status: int
) -> None:
    expected = outputs(client, picture)
    with pytest.raises(DeviceError) as caught:
        client._exchange.ask(Command.PLACE, payload)
    assert caught.value.status == status
    assert outputs(client, picture) == expected


def test_weights_are_read_in_bounds(client: PoseClient, network: CompiledNetwork) -> None:
    size, ticks = client.memory_speed()
    assert size == min(len(network.image), 1 << 20)
    assert ticks > 0


def test_a_reset_keeps_the_places_that_the_host_chose(client: PoseClient) -> None:
    client.place(EXTRA, EXTRA)
    client.reset()
    assert places(client) == (["extra"], ["extra"])


def test_without_a_network_there_is_nothing_to_place_or_to_read(
    client: PoseClient, device: HostDevice, network: CompiledNetwork
) -> None:
    device.flash(b"")
    try:
        client.reset()
        for ask, status in ((client.memory_speed, STATE), (lambda: client.place(RAM), NO_NETWORK)):
            with pytest.raises(DeviceError) as caught:
                ask()
            assert caught.value.status == status
    finally:
        device.flash(network.image)
        client.reset()
    assert client.network_info().status == 0


def test_a_network_that_does_not_fit_stays_where_it_is(
    client: PoseClient, device: HostDevice, network: CompiledNetwork, picture: bytes
) -> None:
    """The header decides before a byte is copied: an arena that only `extra` holds."""
    expected = outputs(client, picture)
    device.flash(with_arena(network.image, 6 << 20))
    try:
        client.reset()
        assert client.network_info().status == MEMORY
        with pytest.raises(DeviceError) as caught:
            client.place(RAM)
        assert caught.value.status == MEMORY
        client.place(RAM, EXTRA)
        assert places(client) == (["ram"], ["extra"])
        assert outputs(client, picture) == expected
    finally:
        device.flash(network.image)
        client.place()
