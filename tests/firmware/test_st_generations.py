"""Three generations of ST's protocol, and ours, on one port: whose a request is, and who comes after a host that died.

C's packets are B's. Hosts are strict: one byte that is not their answer's is an error.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.firmware import st_host as st
from tests.firmware.host_device import HostDevice
from tests.firmware.st_host import StHost
from tests.firmware.test_st_detection import FULL, LONG, device, hello, network, works
from tests.firmware.test_st_protocol import TIMEOUT_S
from tests.firmware.tiny_network import tiny_picture

__all__ = ["device", "network"]

#: What a host can have been in the middle of: how it got there, and the packet that it did not finish.
Torn = tuple[Callable[[StHost], object], Callable[[StHost], bytes]]
SYNC = st.request(9, st.SYNC)
DATA = st.data_message(bytes(range(1, 145)))


def two_packets_of_data(host: StHost) -> None:
    host.start_run("tiny", st.IO_ONLY)
    for packet in host.packets(DATA)[:2]:
        host.socket.sendall(packet)
        assert host.read(1) == bytes([st.CREDIT])


def one_packet_of_two(host: StHost) -> None:
    host.socket.sendall(host.packets(LONG)[0])
    assert host.read(1) == bytes([st.CREDIT])


TORN: dict[str, Torn] = {
    "request": (lambda host: None, lambda host: host.packets(SYNC)[0]),
    "full request": (lambda host: None, lambda host: host.packets(FULL)[0]),
    "long request": (one_packet_of_two, lambda host: host.packets(LONG)[1]),
    "first of data": (lambda host: host.start_run("tiny", st.IO_ONLY), lambda host: host.packets(DATA)[0]),
    "data": (two_packets_of_data, lambda host: host.packets(DATA)[2]),
    "zeros": (two_packets_of_data, lambda host: host.packets(st.data_message(bytes(144)))[2]),
}
#: Longer than the firmware waits until it calls a line quiet.
PAUSE_S = 0.4


@pytest.mark.parametrize("torn", TORN)
@pytest.mark.parametrize("killed", ["A", "B"])
@pytest.mark.parametrize("next_one", ["A", "B", "ours"])
def test_whoever_comes_after_a_host_that_was_killed_in_a_packet(
    device: HostDevice, torn: str, killed: str, next_one: str
) -> None:
    """At the first word, and nothing but the answer to it is sent: no credit for what is missing."""
    reach, unfinished = TORN[torn]
    for cut in (1, 13, 32):
        with closing(StHost(device.url, TIMEOUT_S, killed)) as host:
            assert host.ask(st.SYNC).state == st.IDLE
            reach(host)
            host.socket.sendall(unfinished(host)[:cut])
        time.sleep(PAUSE_S)
        with closing(StHost(device.url, TIMEOUT_S, next_one if next_one != "ours" else "A")) as host:
            assert hello(host) if next_one == "ours" else host.ask(st.SYNC).state == st.IDLE
            works(host)


@pytest.mark.parametrize("before", [b"\0", bytes(2), bytes(34), b"\x20\0", b"\0\x0b"])
@pytest.mark.parametrize("generation", ["A", "B"])
def test_after_a_pause_the_first_byte_tells_the_generation(device: HostDevice, before: bytes, generation: str) -> None:
    """Whatever was left over before, and whatever was spoken last."""
    for last in ("A", "B"):
        with closing(StHost(device.url, TIMEOUT_S, last)) as host:
            assert host.ask(st.SYNC).state == st.IDLE
            host.socket.sendall(before)
        time.sleep(PAUSE_S)
        with closing(StHost(device.url, TIMEOUT_S, generation)) as host:
            works(host)


@pytest.mark.parametrize("generation", ["A", "B"])
def test_a_slow_host_is_not_taken_for_a_new_one(device: HostDevice, generation: str) -> None:
    """Pauses anywhere in a packet cost time, and nothing else."""
    picture = tiny_picture().tobytes()
    with closing(StHost(device.url, TIMEOUT_S, generation)) as host:
        expected = host.run("tiny", picture)[2][0].data.datas
        for cut in (1, 2, 3, 17, 33):
            host.start_run("tiny", st.IO_ONLY)
            packets = host.packets(st.data_message(picture))
            for number, packet in enumerate(packets):
                if number in (0, 2, len(packets) - 1):
                    host.socket.sendall(packet[:cut])
                    time.sleep(PAUSE_S)
                host.socket.sendall(packet[cut:] if number in (0, 2, len(packets) - 1) else packet)
                assert number == len(packets) - 1 or host.read(1) == bytes([st.CREDIT])
            assert host.receive().state == st.PROCESSING
            host.send(st.ack_message())
            assert host.receive().op.name == "tiny"
            assert host.receive().tensor.data.datas == expected


@pytest.mark.parametrize("generation", ["A", "B"])
def test_bytes_that_come_one_by_one(device: HostDevice, generation: str) -> None:
    """No pause is long enough to tell anything; the answer is the same."""
    with closing(StHost(device.url, TIMEOUT_S, generation)) as host:
        for packet in (host.packets(st.request(1, st.SYNC))[0], host.packets(st.request(1, st.SYS_INFO))[0]):
            host.reqid = 1
            for byte in packet:
                host.socket.sendall(bytes([byte]))
                time.sleep(0.002)
            assert host.receive().state == st.IDLE


@pytest.mark.parametrize("generation", ["A", "B"])
def test_a_request_with_a_pause_in_it(device: HostDevice, generation: str) -> None:
    """It may be the end of a torn one and a byte of something else: only after another pause it is answered."""
    with closing(StHost(device.url, TIMEOUT_S, generation)) as host:
        assert host.ask(st.SYNC).state == st.IDLE
        for message in (st.request(1, st.SYNC), st.request(1, st.NETWORK_RUN, 1, "n" * 15, 1)):
            packet = host.packets(message)[0]
            for cut in (2, 13, len(packet) - 1):
                host.socket.sendall(packet[:cut])
                time.sleep(PAUSE_S)
                host.socket.sendall(packet[cut:])
                host.reqid = 1
                assert host.receive().state in (st.IDLE, st.ERROR)


def test_generations_take_turns(device: HostDevice) -> None:
    """Without a pause and without a reset."""
    rng = random.Random(3)
    picture = tiny_picture().tobytes()
    with closing(StHost(device.url, TIMEOUT_S)) as host:
        seen = set()
        for _ in range(60):
            host.speak(rng.choice("ABC"))
            seen.add(host.run("tiny", picture)[2][0].data.datas)
            assert host.ask(st.SYNC).state == st.IDLE
            if rng.random() < 0.3:
                host.start_run("tiny", st.IO_ONLY)  # left open
        assert len(seen) == 1
