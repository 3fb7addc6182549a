"""Two framings on one serial port: the firmware tells them apart, whatever noise and torn pieces come between them.

An answer that is read right where it must begin proves that nothing else was sent before it: no credit, no answer.
"""

from __future__ import annotations

import random
import shutil
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as some

from pytest_stm32pose.network.compile import CompiledNetwork
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.protocol.messages import Command, InferOption, Message, decode_message, encode_message
from pytest_stm32pose.transports.framing import cobs_decode, cobs_encode
from tests.firmware import st_host as st
from tests.firmware.host_device import HostDevice, host_library, mailbox_transport, running, serial_transport
from tests.firmware.st_host import StHost
from tests.firmware.test_st_protocol import TIMEOUT_S, build
from tests.firmware.tiny_network import tiny_network, tiny_picture

FUZZ = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SHORT_PATIENCE_S = 0.1
EVERYTHING = InferOption.KEYPOINTS | InferOption.OUTPUTS | InferOption.INTERMEDIATES | InferOption.PROFILE
#: A request that fills its packet, and one of two packets: neither has a 0x00 that a frame could not have.
FULL = st.request(0x01010101, st.NETWORK_RUN, 1, "n" * 15, 1)
LONG = st.request(0x01010101, st.NETWORK_RUN, 1, "n" * 40, 1)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> CompiledNetwork:
    return build(tmp_path_factory.mktemp("st"), tiny_network())


@pytest.fixture(scope="module")
def device(network: CompiledNetwork) -> Iterator[HostDevice]:
    with running(network.image) as started:
        yield started


@pytest.fixture(params=["A", "B"])  # C's packets are B's
def host(device: HostDevice, request: pytest.FixtureRequest) -> Iterator[StHost]:
    """It has spoken: what the bytes after a mess mean may depend on that."""
    started = StHost(device.url, TIMEOUT_S, request.param)
    assert started.ask(st.SYNC).state == st.IDLE
    yield started
    started.close()


@pytest.fixture
def impatient(network: CompiledNetwork, tmp_path: Path) -> Iterator[HostDevice]:
    """A device with little patience, from a copy of the library: its state is not that of the other one."""
    library = shutil.copy(host_library(), tmp_path)
    with running(network.image, Path(library), SHORT_PATIENCE_S) as started:
        yield started


def frame(kind: int, nonce: int, payload: bytes = b"") -> bytes:
    return cobs_encode(encode_message(Message(kind, nonce, payload))) + b"\0"


def upload(data: bytes, nonce: int = 7) -> bytes:
    return frame(Command.UPLOAD, nonce, bytes(8) + data)


def our_answer(host: StHost, nonce: int) -> Message:
    """The next bytes are one frame of ours, an answer to `nonce`."""
    data = b""
    while (byte := host.read(1)) != b"\0":
        data += byte
    answer = decode_message(cobs_decode(data))
    assert answer.nonce == nonce
    return answer


def works(host: StHost) -> None:
    """Both protocols answer, at the first attempt."""
    assert host.ask(st.SYNC).state == st.IDLE
    host.socket.sendall(b"\0" + frame(Command.HELLO, 11))
    assert our_answer(host, 11).status == 0
    assert host.refused(host.ask(st.NETWORK_RUN, 1, "n" * 40)) == st.INVALID_PARAM  # of two packets


noise = some.one_of(
    some.binary(max_size=90),
    some.binary(min_size=1, max_size=40).map(lambda data: data * 3),
    some.lists(some.sampled_from([0, 3, 5, 8, 10, 11, 16, 24, 30, 31, 32, 34, 40, 0xAA]), max_size=80).map(bytes),
)


def begins_request(data: bytes) -> bool:
    """As a request of generation A does: header, length of the message, the tag of reqid."""
    header = data[0] if data else 0
    return data[2:3] == b"\x08" if header == 32 else 10 < header < 32 and data[1:2] == bytes([header - 1])


@FUZZ
@given(before=noise)
def test_noise_before_either(host: StHost, before: bytes) -> None:
    """But for what PROTOCOL.md takes for another generation, without a pause: one byte 0 before a packet of A is one of
    B, and behind a torn request of one generation no other one begins."""
    other = before if host.generation == "B" else before[1:] if before[:1] == b"\0" else b""
    assume(not begins_request(other) and (host.generation == "B" or before != b"\0"))
    assert host.ask(st.SYNC, before=before).state == st.IDLE
    host.socket.sendall(before + b"\0" + frame(Command.HELLO, 3))
    assert our_answer(host, 3).status == 0
    works(host)


@FUZZ
@given(data=some.binary(max_size=400), cut=some.floats(0, 0.99))
def test_half_a_frame_before_a_packet(host: StHost, data: bytes, cut: float) -> None:
    whole = upload(data)[:-1]  # the first byte of a packet may be the 0 that would end it
    host.socket.sendall(whole[: int(len(whole) * cut)])
    works(host)


@FUZZ
@given(message=some.sampled_from([st.request(9, st.SYNC), FULL, LONG]), cut=some.integers(0, 31))
def test_half_a_packet_before_a_frame(host: StHost, message: bytes, cut: int) -> None:
    host.socket.sendall(host.packets(message)[0][:cut] + b"\0" + frame(Command.HELLO, 3))
    assert our_answer(host, 3).status == 0
    works(host)


@FUZZ
@given(
    before=some.binary(max_size=60),
    message=some.sampled_from([st.request(9, st.SYNC), FULL, LONG, LONG[:-2] + b"\x28\x02"]),
    after=some.binary(max_size=60),
)
def test_packets_inside_our_frames_are_data(host: StHost, before: bytes, message: bytes, after: bytes) -> None:
    host.socket.sendall(upload(before + b"".join(host.packets(message)) + after, 5))
    assert our_answer(host, 5).status == 0
    works(host)


def forged(wanted_end: bytes) -> bytes:
    """A valid UPLOAD of ours that ends with `wanted_end`, checksum included: four free bytes make the CRC that."""
    rng = random.Random(1)
    body, target = wanted_end[:-4], int.from_bytes(wanted_end[-4:], "little")
    while True:
        fill = bytes(rng.randrange(1, 256) for _ in range(4))

        def crc(free: int, fill: bytes = fill) -> int:
            payload = bytes(8) + fill + free.to_bytes(4, "little") + body
            return zlib.crc32(encode_message(Message(Command.UPLOAD, 5, payload))[:-4])

        rows = [(crc(1 << bit) ^ crc(0), 1 << bit) for bit in range(32)]  # the CRC is linear in its bits
        rest, solution = target ^ crc(0), 0
        for bit in reversed(range(32)):
            pivot = next((row for row in rows if row[0] >> bit & 1), None)
            assert pivot is not None, "four bytes reach every checksum"
            rows = [(v ^ pivot[0], s ^ pivot[1]) if v >> bit & 1 else (v, s) for v, s in rows if (v, s) != pivot]
            if rest >> bit & 1:
                rest, solution = rest ^ pivot[0], solution ^ pivot[1]
        message = encode_message(Message(Command.UPLOAD, 5, bytes(8) + fill + solution.to_bytes(4, "little") + body))
        assert message.endswith(wanted_end)
        if 0 not in solution.to_bytes(4, "little"):
            return message


def test_a_frame_that_ends_like_a_request_is_a_frame(host: StHost) -> None:
    """Its last 32 bytes and its delimiter are a whole packet, padding included; its checksum is right: it is ours."""
    request = st.request(1, st.NETWORK_RUN, 1, "n" * 20, 1)
    packet = st.packets(request)[0]
    assert packet[31] != 0
    assert packet[32] == 0
    line = cobs_encode(forged(packet[:32])) + b"\0"
    assert line.endswith(packet)
    host.socket.sendall(line)
    assert our_answer(host, 5).status == 0
    host.socket.sendall(b"x" * 40 + host.packets(request)[0])  # without the frame around it, it is a request
    host.reqid = 1
    assert host.refused(host.receive()) == st.INVALID_PARAM
    works(host)


def test_a_request_that_looks_like_a_short_frame_is_a_request(host: StHost) -> None:
    """Its header is a COBS code that ends exactly at opt = 1: a whole frame, but without a right checksum."""
    for reqid in (1, 2):
        request = st.request(reqid, st.NETWORK_RUN, 1, "no", 1)
        packet = st.packets(request)[0]
        assert cobs_decode(packet[: packet.index(0)])
        host.socket.sendall(host.packets(request)[0])
        host.reqid = reqid
        assert host.refused(host.receive()) == st.INVALID_PARAM
    works(host)


@pytest.mark.parametrize("at", [0, 1, 4])
def test_a_lost_packet_and_a_new_session_of_either(host: StHost, at: int) -> None:
    """At a packet's boundary the next bytes cannot be the missing packet: either protocol is answered at once."""
    packets = host.packets(st.data_message(bytes(range(1, 145))))
    for begin_anew in (lambda: host.ask(st.SYNC).state == st.IDLE, lambda: hello(host)):
        host.start_run("tiny", st.IO_ONLY)
        for packet in packets[:at]:
            host.socket.sendall(packet)
            assert host.read(1) == bytes([st.CREDIT])
        assert begin_anew()
        works(host)


def hello(host: StHost) -> bool:
    host.socket.sendall(b"\0" + frame(Command.HELLO, 4))
    return our_answer(host, 4).status == 0


@pytest.mark.parametrize("generation", ["A", "B"])
@pytest.mark.parametrize("missing", [1, 32])
def test_lost_bytes_end_the_command_in_time(impatient: HostDevice, missing: int, generation: str) -> None:
    """In the middle of a packet nothing but time tells."""
    with closing(StHost(impatient.url, TIMEOUT_S, generation)) as host:
        host.start_run("tiny", st.IO_ONLY)
        first, second, *_ = host.packets(st.data_message(bytes(144)))
        host.socket.sendall(first)
        assert host.read(1) == bytes([st.CREDIT])
        host.socket.sendall(second[:-missing])
        st.quiet_line(host, 10 * SHORT_PATIENCE_S)
        works(host)


def test_a_host_that_vanishes_between_packets(device: HostDevice) -> None:
    """Nothing has to time out: whoever comes next is answered."""
    for begin_anew in (works, hello, works):
        with closing(StHost(device.url, TIMEOUT_S)) as host:
            host.start_run("tiny", st.IO_ONLY)
        with closing(StHost(device.url, TIMEOUT_S)) as host:
            begin_anew(host)
            host.run("tiny", bytes(144))


def test_a_run_is_given_up_for_a_host_that_starts_anew(host: StHost) -> None:
    """All packets of the acknowledgement and of a SYNC are there before the network runs."""
    host.start_run("tiny", st.WITH_DATA)
    host.send(st.data_message(bytes(144)))
    assert host.receive().state == st.PROCESSING
    old, host.reqid = host.reqid, host.reqid + 1
    host.socket.sendall(host.packets(st.ack_message())[0] + host.packets(st.request(host.reqid, st.SYNC))[0])
    while not host.receive_bytes().startswith(b"\x08" + st.varint(host.reqid) + b"\x10\x00\x52"):
        pass
    assert old != host.reqid
    works(host)


def noisy_turns(host: StHost, rng: random.Random) -> tuple[list[Callable[[], object]], list[Callable[[], object]]]:
    """(what is answered, and checked; what leaves a mess behind it)."""

    def our_upload() -> None:
        message = rng.choice([st.request(9, st.SYNC), FULL, LONG, st.data_message(rng.randbytes(90)), st.ack_message()])
        data = rng.randbytes(rng.randrange(50)) + b"".join(host.packets(message)) + rng.randbytes(rng.randrange(50))
        host.socket.sendall(b"\0" + upload(data, nonce := rng.randrange(1 << 32)))
        assert our_answer(host, nonce).status == 0

    def half_a_frame() -> None:
        whole = upload(rng.randbytes(rng.randrange(300)))
        host.socket.sendall(b"\0" + whole[: rng.randrange(len(whole) - 1)])

    def half_a_packet() -> None:
        first = host.packets(rng.choice([st.request(9, st.SYNC), FULL, LONG]))[0]
        host.socket.sendall(first[: rng.randrange(32)])

    def half_a_run() -> None:
        host.start_run("tiny", st.IO_ONLY)
        for packet in host.packets(st.data_message(rng.randbytes(144)))[: rng.randrange(4)]:
            host.socket.sendall(packet)
            assert host.read(1) == bytes([st.CREDIT])

    answered = [lambda: hello(host), our_upload, lambda: host.ask(st.SYNC), lambda: host.ask(st.MEMORY_READ)]
    return answered, [lambda: host.socket.sendall(rng.randbytes(80)), half_a_frame, half_a_packet, half_a_run]


def test_any_order_of_both_with_any_mess_between(host: StHost) -> None:
    rng = random.Random(20)
    answered, messes = noisy_turns(host, rng)
    for _ in range(150):
        if rng.random() < 0.5:
            rng.choice(messes)()
            rng.choice(answered)()
        else:
            turns: list[Callable[[], object]] = [
                *answered,
                lambda: host.run("tiny", rng.randbytes(144), rng.choice([1, 2, 4])),
            ]
            rng.choice(turns)()
    works(host)


def test_both_hosts_take_turns(device: HostDevice) -> None:
    """Without a reset, over the same port and beside the mailbox."""
    picture = tiny_picture().tobytes()
    mailbox = mailbox_transport(device)
    mailbox.open(TIMEOUT_S)
    with closing(mailbox):
        beside = PoseClient(mailbox)
        beside.hello()
        for _ in range(3):
            with closing(StHost(device.url, TIMEOUT_S)) as host:
                outputs = host.run("tiny", picture)[2]
                host.start_run("tiny", st.IO_ONLY)  # and goes away in the middle
            link = serial_transport(device)
            link.open(TIMEOUT_S)
            with closing(link):
                client = PoseClient(link, request_timeout_s=TIMEOUT_S)
                client.hello()
                client.upload(0, picture)
                result = client.infer(0, zlib.crc32(picture), len(picture), outputs=True)
                assert client.repeated_requests == 0
            beside.upload(0, picture)
            again = beside.infer(0, zlib.crc32(picture), len(picture), outputs=True)
            assert outputs[0].data.datas == result.outputs[0].data.tobytes() == again.outputs[0].data.tobytes()


def test_a_request_while_another_host_runs(device: HostDevice) -> None:
    """It is refused, or the run was over before; what runs is not disturbed."""
    picture = tiny_picture().tobytes()
    mailbox = mailbox_transport(device)
    mailbox.open(TIMEOUT_S)
    with closing(mailbox), closing(StHost(device.url, TIMEOUT_S)) as host:
        client = PoseClient(mailbox)
        client.hello()
        client.upload(0, picture)
        for _ in range(10):
            host.reqid += 1
            client.start_infer(0, zlib.crc32(picture), len(picture), EVERYTHING)
            host.send(st.request(host.reqid, st.SYNC))
            assert client.finish_infer(TIMEOUT_S).intermediates
            answer = host.receive()
            assert answer.state == st.IDLE or host.refused(answer) == st.INVALID_STATE
            time.sleep(0.001)
