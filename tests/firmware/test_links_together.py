"""Hosts on both links at once: an inference on one never sees what another host's operation of many packets writes.

The mailbox's host takes no answer until it is told to, so the device stands still in the middle of the inference, with
its eyes on the serial line: whatever a host of ST's protocol sends then comes at the worst moment, every time.
"""

from __future__ import annotations

import fcntl
import random
import termios
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from pytest_stm32pose.errors import DeviceError
from pytest_stm32pose.network.compile import CompiledNetwork
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.protocol.messages import Command, InferOption, Status, upload_payload
from pytest_stm32pose.types import InferResult
from tests.firmware import st_host as st
from tests.firmware.host_device import HostDevice, mailbox_transport, running, serial_transport
from tests.firmware.st_host import StHost
from tests.firmware.test_st_protocol import TIMEOUT_S, build, ours
from tests.firmware.tiny_network import tiny_network, tiny_picture
from tests.support.waiting import eventually

PICTURE = tiny_picture().tobytes()
ZEROS = bytes(len(PICTURE))
EVERYTHING = InferOption.KEYPOINTS | InferOption.OUTPUTS | InferOption.INTERMEDIATES
#: The mailbox's header: what the device has sent, what its host has acknowledged.
D2H_SEQ, D2H_ACK = 0x60000020, 0x60000028
JUNK = bytes(range(1, 17))


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> CompiledNetwork:
    return build(tmp_path_factory.mktemp("together"), tiny_network())


@pytest.fixture(scope="module")
def device(network: CompiledNetwork) -> Iterator[HostDevice]:
    with running(network.image) as started:
        yield started


@pytest.fixture(scope="module")
def expected(device: HostDevice) -> InferResult:
    return ours(device, PICTURE)


@pytest.fixture
def host(device: HostDevice, expected: InferResult) -> Iterator[StHost]:
    with closing(StHost(device.url, TIMEOUT_S)) as started:
        yield started


@pytest.fixture
def client(device: HostDevice) -> Iterator[PoseClient]:
    link = mailbox_transport(device)
    link.open(TIMEOUT_S)
    with closing(link):
        started = PoseClient(link)
        started.hello()
        yield started


def infer_halfway(device: HostDevice, client: PoseClient, slot: int, options: InferOption = EVERYTHING) -> None:
    """Starts an INFER of PICTURE and returns when its first answer waits to be taken."""
    client.start_infer(slot, zlib.crc32(PICTURE), len(PICTURE), options)
    eventually(lambda: device.read(D2H_SEQ, 4) != device.read(D2H_ACK, 4))


def sent_and_taken(device: HostDevice, host: StHost, data: bytes) -> None:
    """Sends bytes, and returns when the device has read them from its serial port."""
    host.socket.sendall(data)
    port = device._connections[-1]
    eventually(lambda: fcntl.ioctl(port.fileno(), termios.FIONREAD, bytes(4)) == bytes(4))
    time.sleep(0.005)  # from its buffer they go on one by one, which nothing shows


def same(result: InferResult, expected: InferResult) -> bool:
    """The client has checked every tensor's CRC; here are its bytes."""
    return [t.data.tobytes() for t in result.outputs] == [t.data.tobytes() for t in expected.outputs]


def tensor_addresses(host: StHost) -> dict[str, int]:
    """Where every tensor of the network lies, as ST's protocol tells."""
    layers, _, outputs = host.run("tiny", PICTURE, st.WITH_DATA)
    tensors = [tensor for _, group in layers for tensor in group] + outputs
    return {tensor.desc.name: tensor.desc.addr for tensor in tensors}


def write_arena(host: StHost) -> None:
    """The last tensor: what an INFER sends at its very end."""
    address = list(tensor_addresses(host).values())[-1]
    assert host.ask(st.MEMORY_WRITE, address, opt=len(JUNK)).state == st.WAITING


def write_slot(host: StHost) -> None:
    assert host.ask(st.MEMORY_WRITE, host.info().inputs[0].addr, opt=len(JUNK)).state == st.WAITING


def input_of_a_run(host: StHost) -> None:
    assert host.start_run("tiny", st.IO_ONLY | st.CONST_VALUE).param == 1


def acknowledgement_of_a_run(host: StHost) -> None:
    input_of_a_run(host)
    host.send(st.data_message(b"\x37"))
    assert host.receive().state == st.PROCESSING


def read_arena(host: StHost) -> None:
    assert host.ask(st.MEMORY_READ, host.info().activations[0].addr, opt=3000).state == st.PROCESSING
    assert host.receive().state == st.PROCESSING


#: What a host of ST's protocol has under way, and its next message.
UNDER_WAY: dict[str, tuple[Callable[[StHost], Any], bytes]] = {
    "write arena": (write_arena, st.data_message(JUNK)),
    "write slot": (write_slot, st.data_message(JUNK)),
    "run, input": (input_of_a_run, st.data_message(b"\x37")),
    "run, acknowledgement": (acknowledgement_of_a_run, st.ack_message()),
    "read arena": (read_arena, st.ack_message()),
}


@pytest.fixture(params=UNDER_WAY)
def under_way(request: pytest.FixtureRequest) -> tuple[Callable[[StHost], Any], bytes]:
    return UNDER_WAY[request.param]


def works(host: StHost, expected: InferResult) -> None:
    """Nothing has been sent beside the answers, and ST's host can do everything again."""
    assert host.silent()
    outputs = host.run("tiny", PICTURE)[2]
    assert [tensor.data.datas for tensor in outputs] == [tensor.data.tobytes() for tensor in expected.outputs]


@pytest.mark.parametrize("options", [InferOption.OUTPUTS, EVERYTHING], ids=["outputs", "everything"])
def test_an_infer_of_the_mailbox_ends_what_st_has_under_way(
    device: HostDevice, host: StHost, client: PoseClient, expected: InferResult,
    under_way: tuple[Callable[[StHost], Any], bytes], options: InferOption,
) -> None:  # fmt: skip
    begin, message = under_way
    begin(host)
    client.upload(1, PICTURE)
    infer_halfway(device, client, 1, options)
    sent_and_taken(device, host, st.packets(message)[0])
    assert same(client.finish_infer(TIMEOUT_S), expected)
    assert host.refused(host.receive()) == st.INVALID_STATE
    works(host, expected)


@pytest.mark.parametrize("begin", [write_slot, input_of_a_run], ids=["memory", "run"])
def test_the_picture_that_is_running_is_not_overwritten(
    device: HostDevice, host: StHost, client: PoseClient, expected: InferResult, begin: Callable[[StHost], Any]
) -> None:
    """The same slot: uploaded after ST's host had begun to write there."""
    begin(host)
    client.upload(0, PICTURE)
    infer_halfway(device, client, 0)
    sent_and_taken(device, host, st.packets(st.data_message(JUNK))[0])
    assert same(client.finish_infer(TIMEOUT_S), expected)
    assert host.refused(host.receive()) == st.INVALID_STATE
    client.infer(0, zlib.crc32(PICTURE), len(PICTURE))  # still the picture that was uploaded
    works(host, expected)


@pytest.mark.parametrize("packets_before", [1, 3])
def test_a_message_in_the_middle_gets_its_credits_and_then_its_answer(
    device: HostDevice, host: StHost, client: PoseClient, expected: InferResult, packets_before: int
) -> None:
    address = host.info().activations[0].addr
    assert host.ask(st.MEMORY_WRITE, address, opt=2000).ack.param == 1024
    packets = st.packets(st.data_message(bytes(1024)))
    for packet in packets[:packets_before]:
        host.socket.sendall(packet)
        assert host.read(1) == bytes([st.CREDIT])
    client.upload(0, PICTURE)
    infer_halfway(device, client, 0)
    sent_and_taken(device, host, packets[packets_before])
    assert same(client.finish_infer(TIMEOUT_S), expected)
    for packet in packets[packets_before + 1 :]:
        assert host.read(1) == bytes([st.CREDIT])
        host.socket.sendall(packet)
    assert host.refused(host.receive()) == st.INVALID_STATE
    works(host, expected)


@pytest.mark.parametrize("ending", ["a request", "a frame"])
def test_a_host_that_starts_anew_does_not_hear_of_it(
    host: StHost, client: PoseClient, expected: InferResult, ending: str, device: HostDevice
) -> None:
    write_arena(host)
    client.upload(0, PICTURE)
    assert same(client.infer(0, zlib.crc32(PICTURE), len(PICTURE), outputs=True), expected)
    if ending == "a frame":
        host.close()
        assert same(ours(device, PICTURE), expected)
        host.__init__(device.url, TIMEOUT_S)  # type: ignore[misc]
    assert host.ask(st.SYNC).state == st.IDLE
    works(host, expected)


def test_a_self_test_ends_what_st_has_under_way(
    host: StHost, client: PoseClient, expected: InferResult, under_way: tuple[Callable[[StHost], Any], bytes]
) -> None:
    """It runs a network in the arena."""
    begin, message = under_way
    begin(host)
    assert client.self_test().passed
    host.send(message)
    assert host.refused(host.receive()) == st.INVALID_STATE
    works(host, expected)


def test_an_infer_that_is_refused_ends_nothing(host: StHost, client: PoseClient, expected: InferResult) -> None:
    write_arena(host)
    client.upload(0, PICTURE)
    for crc, size, status in ((1, 0, Status.CRC), (0, 1, Status.LENGTH)):
        with pytest.raises(DeviceError) as caught:
            client.infer(0, zlib.crc32(PICTURE) ^ crc, len(PICTURE) + size)
        assert caught.value.status == status
    client.memory()
    host.send(st.data_message(JUNK))
    answer = host.receive()
    assert (answer.state, answer.ack.param) == (st.DONE, st.bsd(JUNK))
    works(host, expected)


@pytest.mark.parametrize(("slot", "ends"), [(0, True), (1, False)])
@pytest.mark.parametrize("command", [st.MEMORY_WRITE, st.MEMORY_READ])
def test_an_upload_ends_what_has_to_do_with_its_bytes(
    host: StHost, client: PoseClient, expected: InferResult, command: int, slot: int, ends: bool
) -> None:
    """ST's host is at the second of two chunks of slot 0; the first byte of it is what is uploaded."""
    address, data = host.info().inputs[0].addr, bytes(1030)
    assert host.ask(command, address, opt=len(data)).ack.param == 1024
    if command == st.MEMORY_WRITE:
        host.send(st.data_message(data[:1024]))
    assert host.receive().state in (st.WAITING, st.PROCESSING)
    client.upload(slot, PICTURE)
    host.send(st.data_message(data[1024:]) if command == st.MEMORY_WRITE else st.ack_message())
    answer = host.receive()
    if ends:
        assert host.refused(answer) == st.INVALID_STATE
    else:
        assert answer.state == st.DONE
    result = client.infer(slot, zlib.crc32(PICTURE), len(PICTURE), outputs=True)
    assert same(result, expected)
    works(host, expected)


@pytest.mark.parametrize("begin", [write_arena, write_slot, input_of_a_run])
def test_st_takes_a_slot_that_is_half_uploaded(
    host: StHost, client: PoseClient, expected: InferResult, begin: Callable[[StHost], Any]
) -> None:
    """The other order: the mailbox's host is told with its next chunk, and its picture cannot run."""
    begin_at = len(PICTURE) // 2
    client.upload(0, PICTURE[:begin_at])
    begin(host)
    with pytest.raises(DeviceError) as caught:
        client._exchange.ask(Command.UPLOAD, upload_payload(0, begin_at, PICTURE[begin_at:]))
    assert caught.value.status == Status.PARAM
    with pytest.raises(DeviceError) as caught:
        client.infer(0, zlib.crc32(PICTURE), len(PICTURE))
    assert caught.value.status == Status.STATE
    client.upload(0, PICTURE)
    assert same(client.infer(0, zlib.crc32(PICTURE), len(PICTURE), outputs=True), expected)


@pytest.mark.parametrize("command", [st.MEMORY_WRITE, st.MEMORY_READ, st.MEMORY_CHECKSUM, st.NETWORK_RUN])
def test_nothing_begins_while_the_mailbox_runs(
    device: HostDevice, host: StHost, client: PoseClient, expected: InferResult, command: int
) -> None:
    address = list(tensor_addresses(host).values())[-1]
    client.upload(0, PICTURE)
    infer_halfway(device, client, 0)
    host.reqid += 1
    asked = (1, "tiny", 0) if command == st.NETWORK_RUN else (address, "", len(JUNK))
    sent_and_taken(device, host, st.packets(st.request(host.reqid, command, *asked))[0])
    assert same(client.finish_infer(TIMEOUT_S), expected)
    assert host.refused(host.receive()) == st.INVALID_STATE
    works(host, expected)


def test_uploads_to_the_other_slot_do_not_disturb_a_run_of_st(
    host: StHost, client: PoseClient, expected: InferResult
) -> None:
    """At any moment of it: before its input, in the middle of it, while it runs, while it answers."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def upload() -> None:
        try:
            while not stop.is_set():
                client.upload(1, ZEROS)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=upload)
    thread.start()
    try:
        for _ in range(20):
            outputs = host.run("tiny", PICTURE, st.WITH_DATA)[2]
            assert outputs[0].data.datas == expected.outputs[0].data.tobytes()
    finally:
        stop.set()
        thread.join(TIMEOUT_S)
    assert not failures


def test_a_serial_infer_ends_it_too(device: HostDevice, host: StHost, expected: InferResult) -> None:
    """Our own frames on ST's line: the data packet that comes afterwards belongs to nothing."""
    write_arena(host)
    link = serial_transport(device)
    host.close()
    link.open(TIMEOUT_S)
    with closing(link):
        client = PoseClient(link)
        client.hello()
        client.upload(0, PICTURE)
        client.start_infer(0, zlib.crc32(PICTURE), len(PICTURE), EVERYTHING)
        link.port.write(st.packets(st.data_message(JUNK))[0] + b"\0", TIMEOUT_S)
        assert same(client.finish_infer(TIMEOUT_S), expected)


def test_every_result_is_right_while_st_writes_everywhere(
    host: StHost, client: PoseClient, expected: InferResult
) -> None:
    """Many turns at moments of their own: whole writes, ended ones, and never a wrong tensor."""
    rng = random.Random(8)
    info = host.info()
    places = [*tensor_addresses(host).values(), info.inputs[0].addr, info.activations[0].addr]
    results: list[bool] = []
    failures: list[BaseException] = []

    def infer() -> None:
        try:
            while len(results) < 60:
                client.upload(1, PICTURE)
                try:
                    results.append(same(client.infer(1, zlib.crc32(PICTURE), len(PICTURE), outputs=True), expected))
                except DeviceError as error:
                    assert error.status == Status.STATE, error  # a write has begun between the two
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=infer)
    thread.start()
    while thread.is_alive():
        size = rng.choice((4, 40, 300, 1024, 1500))
        answer = host.ask(st.MEMORY_WRITE, rng.choice(places), opt=size)
        while answer.state == st.WAITING:
            part = rng.randbytes(min(size, answer.ack.param))
            host.send(st.data_message(part))
            answer = host.receive()
            size -= len(part)
        assert answer.state == st.DONE or host.refused(answer) == st.INVALID_STATE
    thread.join()
    assert not failures
    assert len(results) == 60
    assert all(results)
    works(host, expected)
