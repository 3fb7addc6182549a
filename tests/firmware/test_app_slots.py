"""The firmware's input slots: two halves of one block, or all of it as one where the network's input needs that."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

import pytest

from pytest_stm32pose.errors import DeviceError
from pytest_stm32pose.families import NO_FAMILY, Meaning
from pytest_stm32pose.golden.engine import GoldenEngine
from pytest_stm32pose.network.compile import CompiledNetwork, compile_bytes
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.protocol.messages import Capability, InferOption, Status
from tests.firmware import st_host as st
from tests.firmware.host_device import HostDevice, mailbox_transport, running
from tests.firmware.large_input import large_network, large_picture
from tests.firmware.st_host import StHost

TIMEOUT_S = 60.0
#: Of the host library (firmware/boards/host/board.c).
BLOCK = 512 << 10
#: The last input of which two fit, in steps of the network's 16 pixels, and the first of which one does.
TWO, ONE, TOO_LARGE = 288, 304, 432
TENSORS = Meaning(NO_FAMILY, 0)


@cache
def network_of(side: int) -> CompiledNetwork:
    return compile_bytes(large_network(side), "wide", meaning=TENSORS)


def picture_of(side: int, seed: int = 0) -> bytes:
    return large_picture(side, seed).tobytes()


def golden_of(side: int, seed: int, folder: Path) -> bytes:
    """LiteRT's output of a picture."""
    path = folder / f"wide_{side}.tflite"
    path.write_bytes(large_network(side))
    return GoldenEngine(path, TENSORS).run(large_picture(side, seed)).outputs[0].data.tobytes()


@contextmanager
def connected(device: HostDevice) -> Iterator[PoseClient]:
    with closing(mailbox_transport(device)) as link:
        link.open(TIMEOUT_S)
        client = PoseClient(link)
        client.hello()
        yield client


def output(client: PoseClient, slot: int, data: bytes) -> bytes:
    return client.infer(slot, zlib.crc32(data), len(data), outputs=True).outputs[0].data.tobytes()


def status_of(error: pytest.ExceptionInfo[DeviceError]) -> int | None:
    return error.value.status


@pytest.mark.parametrize(
    ("side", "slots"), [(0, 2), (16, 2), (TWO, 2), (ONE, 1), (320, 1), (TOO_LARGE, 1)], ids=lambda each: str(each)
)
def test_hello_says_what_the_loaded_network_leaves(side: int, slots: int) -> None:
    """Without a network: two, so that an upload works before one is flashed."""
    with running(network_of(side).image if side else b"") as device, connected(device) as client:
        hello = client.hello()
        assert (hello.slot_count, hello.slot_bytes) == (slots, BLOCK // slots)
        assert bool(hello.capabilities & Capability.UPLOAD_WHILE_RUNNING) == (slots == 2)
        whole = bytes(hello.slot_bytes)
        for slot in range(slots):
            client.upload(slot, whole)
            with pytest.raises(DeviceError) as caught:
                client.upload(slot, whole + b"x")
            assert status_of(caught) == Status.LENGTH
        with pytest.raises(DeviceError) as caught:
            client.upload(slots, b"x")
        assert status_of(caught) == Status.PARAM


def test_two_slots_share_no_byte(tmp_path: Path) -> None:
    """Two inputs that all but fill the block; both slots filled before either runs."""
    with running(network_of(TWO).image) as device, connected(device) as client:
        for slot in (1, 0):
            client.upload(slot, picture_of(TWO, slot))
        for slot in (0, 1, 0):
            assert output(client, slot, picture_of(TWO, slot)) == golden_of(TWO, slot, tmp_path)


def test_one_slot_takes_one_picture_after_the_other(tmp_path: Path) -> None:
    with running(network_of(ONE).image) as device, connected(device) as client:
        for seed in (0, 1):
            data = picture_of(ONE, seed)
            client.upload(0, data)
            assert output(client, 0, data) == golden_of(ONE, seed, tmp_path)
        with pytest.raises(DeviceError) as caught:
            client.infer(1, zlib.crc32(data), len(data))
        assert status_of(caught) == Status.PARAM
        client.start_infer(0, zlib.crc32(data), len(data), InferOption.INTERMEDIATES)
        with pytest.raises(DeviceError) as caught:
            client.upload(0, data[:100])
        assert status_of(caught) == Status.BUSY
        client.finish_infer(TIMEOUT_S)


def test_an_input_that_no_slot_holds_is_refused_by_its_length() -> None:
    data = picture_of(TOO_LARGE)
    with running(network_of(TOO_LARGE).image) as device, connected(device) as client:
        assert client.network_info().status == 0
        with pytest.raises(DeviceError) as caught:
            client.upload(0, data)
        assert status_of(caught) == Status.LENGTH
        with closing(StHost(device.url, TIMEOUT_S)) as host:
            assert host.refused(host.ask(st.NETWORK_RUN, st.IO_ONLY, "wide")) == st.MEM_OVERFLOW


def test_what_slots_hold_outlives_a_self_test_but_no_other_network() -> None:
    """A self test opens what is flashed again. Slots of other sizes hold nothing: a picture would lie elsewhere."""
    data = picture_of(TWO)
    with running(network_of(TWO).image) as device, connected(device) as client:
        client.upload(1, data)
        assert client.self_test().passed
        before = output(client, 1, data)
        device.flash(network_of(ONE).image)
        assert client.self_test().passed
        assert client.hello().slot_count == 1
        device.flash(network_of(TWO).image)
        assert client.self_test().passed
        with pytest.raises(DeviceError) as caught:
            output(client, 1, data)
        assert status_of(caught) == Status.STATE
        client.upload(1, data)
        assert output(client, 1, data) == before


@pytest.mark.parametrize("side", [TWO, ONE])
def test_st_hosts_use_the_same_slots(side: int, tmp_path: Path) -> None:
    """A run, and memory: the block from the first input on, to its last byte and not one further."""
    data = picture_of(side)
    with running(network_of(side).image) as device, closing(StHost(device.url, TIMEOUT_S)) as host:
        [written] = host.run("wide", data)[2]
        assert written.data.datas == golden_of(side, 0, tmp_path)
        address = host.info().inputs[0].addr
        assert host.read_memory(address, len(data)) == data
        last = (address + BLOCK - 1) & 0xFFFFFFFF
        host.write_memory(last, b"\x5a")
        assert host.read_memory(last, 1) == b"\x5a"
        assert host.refused(host.ask(st.MEMORY_READ, last, opt=2)) == st.INVALID_PARAM
