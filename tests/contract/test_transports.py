"""One contract for every transport, against the real firmware (in this process) or a recording of it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_stm32pose.errors import ProtocolError, TransportError, TransportTimeout
from pytest_stm32pose.protocol.answers import decode_hello
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.protocol.messages import Command, Message, decode_message, encode_message
from pytest_stm32pose.transports.base import Transport
from pytest_stm32pose.transports.serial import SerialTransport
from pytest_stm32pose.transports.swd import MailboxTransport
from tests.firmware.host_device import MAILBOX_ADDRESS, HostDevice, mailbox_transport, running, serial_transport
from tests.support.replay import RecordingTransport, ReplayTransport

TIMEOUT_S = 5.0
#: What a contract test does with a transport that is not open yet.
Script = Callable[[Transport], None]


@contextlib.contextmanager
def opened(kind: str, script: Script, folder: Path) -> Iterator[Transport]:
    """A transport, not yet open; the replayed one plays what the script did on a serial link."""
    with running() as device:
        if kind == "replay":
            recording = RecordingTransport(serial_transport(device), folder / "wire.jsonl")
            script(recording)
            recording.close()
            yield ReplayTransport(folder / "wire.jsonl")
        else:
            yield serial_transport(device) if kind == "serial" else mailbox_transport(device)


@pytest.fixture(params=["serial", "swd", "replay"])
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Script], None]:
    """Runs a script on one kind of transport."""

    def run(script: Script) -> None:
        with opened(request.param, script, tmp_path) as transport:
            assert transport.name == request.param
            script(transport)

    return run


def hello(transport: Transport, nonce: int) -> Message:
    transport.send(encode_message(Message(Command.HELLO, nonce)), TIMEOUT_S)
    return decode_message(transport.receive(TIMEOUT_S))


def test_a_message_is_answered(play: Callable[[Script], None]) -> None:
    def script(transport: Transport) -> None:
        transport.open(TIMEOUT_S)
        answer = hello(transport, 7)
        assert (answer.nonce, answer.status) == (7, 0)
        assert decode_hello(answer.payload).board == "host"
        assert transport.max_message >= 64
        assert transport.window >= 0
        transport.close()

    play(script)


def test_answers_come_in_order_and_whole(play: Callable[[Script], None]) -> None:
    def script(transport: Transport) -> None:
        transport.open(TIMEOUT_S)
        for nonce in range(1, 40):
            assert hello(transport, nonce).nonce == nonce
        transport.close()

    play(script)


def test_the_longest_message_passes(play: Callable[[Script], None]) -> None:
    def script(transport: Transport) -> None:
        transport.open(TIMEOUT_S)
        client = PoseClient(transport)
        room = client.hello().max_message - 16 - 8
        data = bytes(range(256)) * (min(room, 200_000) // 256)
        client.upload(0, data)
        transport.close()

    play(script)


def test_silence_is_a_timeout(play: Callable[[Script], None]) -> None:
    def script(transport: Transport) -> None:
        transport.open(TIMEOUT_S)
        with pytest.raises(TransportTimeout):
            transport.receive(0.05)
        assert hello(transport, 1).nonce == 1
        transport.close()

    play(script)


def test_opening_again_starts_clean(play: Callable[[Script], None]) -> None:
    def script(transport: Transport) -> None:
        for nonce in (3, 4):
            transport.open(TIMEOUT_S)
            assert hello(transport, nonce).nonce == nonce
        transport.close()
        transport.close()

    play(script)


def test_a_closed_link_says_so(tmp_path: Path) -> None:
    for kind in ("serial", "swd", "replay"):
        with opened(kind, lambda transport: transport.open(TIMEOUT_S), tmp_path) as transport:
            for call in (lambda: transport.send(b"x" * 16, 0.1), lambda: transport.receive(0.1)):
                with pytest.raises(TransportError, match="not open"):
                    call()


@pytest.mark.parametrize("make", [serial_transport, mailbox_transport])
def test_a_new_host_is_not_told_what_the_last_one_asked(make: Callable[[HostDevice], Transport]) -> None:
    with running() as device:
        transport = make(device)
        transport.open(TIMEOUT_S)
        for nonce in range(2 if transport.window else 1):
            transport.send(encode_message(Message(Command.SELF_TEST, nonce)), TIMEOUT_S)
        transport.close()
        transport.open(TIMEOUT_S)
        client = PoseClient(transport)
        client.hello()
        assert client.memory().arena_bytes > 0
        transport.close()


def test_a_host_that_dies_in_a_frame_leaves_the_link_usable() -> None:
    with running() as device:
        first = serial_transport(device)
        first.open(TIMEOUT_S)
        first.port.write(b"\x30half a frame", TIMEOUT_S)
        first.close()
        second = serial_transport(device)
        second.open(TIMEOUT_S)
        assert hello(second, 1).nonce == 1
        second.close()


def test_no_mailbox_is_a_timeout_that_names_the_address() -> None:
    device = HostDevice()  # not running: its mailbox is zero
    transport = MailboxTransport(device, MAILBOX_ADDRESS, device.ring)
    with pytest.raises(TransportTimeout, match="0x60000000"):
        transport.open(0.05)
    device.stop()


def test_absent_port_names_port_and_remedy() -> None:
    with pytest.raises(TransportError, match=r"/dev/ttyNOPE.*Check the cable"):
        SerialTransport("/dev/ttyNOPE").open(1.0)


def test_refused_socket_says_what_to_start() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(TransportError, match=f"{port}.*start the virtual board"):
        SerialTransport(f"socket://127.0.0.1:{port}").open(1.0)


def test_unknown_url_is_one_sentence() -> None:
    with pytest.raises(TransportError, match="cannot be opened"):
        SerialTransport("nonsense://x").open(1.0)


def test_a_port_in_use_is_named() -> None:
    primary, secondary = os.openpty()
    path = os.ttyname(secondary)
    first = SerialTransport(path)
    try:
        first.open(1.0)
        with pytest.raises(TransportError, match="Another program has the port open"):
            SerialTransport(path).open(1.0)
    finally:
        first.close()
        os.close(primary)
        os.close(secondary)


def test_a_link_that_vanishes_is_not_a_timeout() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        transport = SerialTransport(f"socket://127.0.0.1:{server.getsockname()[1]}")
        transport.open(1.0)
        connection, _ = server.accept()
        connection.close()
        with pytest.raises(TransportError) as caught:
            transport.receive(1.0)
        assert not isinstance(caught.value, TransportTimeout)
        transport.close()


def test_loopback_without_a_file_descriptor() -> None:
    transport = SerialTransport("loop://")
    transport.open(1.0)
    transport.send(b"twelve bytes", 1.0)
    assert transport.receive(1.0) == b"twelve bytes"
    with pytest.raises(TransportTimeout):
        transport.receive(0.02)
    transport.close()


def test_replay_refuses_another_request(tmp_path: Path) -> None:
    def script(transport: Transport) -> None:
        transport.open(TIMEOUT_S)
        hello(transport, 1)

    with opened("replay", script, tmp_path) as transport:
        transport.open(TIMEOUT_S)
        with pytest.raises(TransportError, match="another request"):
            transport.send(encode_message(Message(Command.MEMORY, 1)), 1.0)


def test_recording_is_bounded_and_appears_whole(tmp_path: Path) -> None:
    file = tmp_path / "wire.jsonl"
    with running() as device:
        recording = RecordingTransport(serial_transport(device), file, max_bytes=300)
        recording.open(TIMEOUT_S)
        with pytest.raises(TransportError, match="longer than 300 bytes"):
            for nonce in range(10):
                hello(recording, nonce)
        assert not file.exists()
        recording.close()
    assert file.exists()
    assert ReplayTransport(file).max_message == 8192


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Line 2|Line 1|wrong"),
        ('{"schema": "other"}\n', "expected 'stm32pose/wire/1'"),
        ('{"schema": "stm32pose/wire/1", "max_message": 64, "window": 1}\n{"to": "mars", "message": ""}\n', "mars"),
        ('{"schema": "stm32pose/wire/1", "max_message": 64, "window": 1}\n{"to": "host", "message": "!"}\n', "Line 2"),
    ],
)
def test_bad_recordings_name_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(TransportError, match=message):
        ReplayTransport(file)


def test_mailbox_length_beyond_its_capacity_is_refused() -> None:
    with running() as device:
        transport = mailbox_transport(device)
        transport.open(TIMEOUT_S)
        device.write(MAILBOX_ADDRESS + 0x24, (1 << 31).to_bytes(4, "little"))
        device.write(MAILBOX_ADDRESS + 0x20, (1).to_bytes(4, "little"))
        with pytest.raises(ProtocolError, match="capacity"):
            transport.receive(1.0)
        with pytest.raises(TransportError, match="does not fit"):
            transport.send(bytes(transport.max_message + 1), 1.0)


def test_the_host_rings_only_a_sleeping_device() -> None:
    device = HostDevice()
    transport = MailboxTransport(device, MAILBOX_ADDRESS, device.ring)
    for asleep in (0, 1):
        words = [0x584D4250, 1, 4096, 1, 0, 0, 0, asleep] + [0] * 8
        device.write(MAILBOX_ADDRESS, b"".join(word.to_bytes(4, "little") for word in words))
        transport.open(1.0)
        before = device.doorbells
        transport.send(bytes(16), 1.0)
        assert device.doorbells - before == asleep
    device.stop()


def test_a_fault_record_becomes_a_device_error() -> None:
    from pytest_stm32pose.errors import DeviceError

    device = HostDevice()
    transport = MailboxTransport(device, MAILBOX_ADDRESS, device.ring)
    words = [0x584D4250, 1, 4096, 1] + [0] * 8 + [5, 0x1234, 0x5678, 0x8200]
    device.write(MAILBOX_ADDRESS, b"".join(word.to_bytes(4, "little") for word in words))
    transport.open(1.0)
    with pytest.raises(DeviceError, match=r"BusFault at 0x00001234, .*0x00005678.*0x00008200"):
        transport.receive(1.0)
    device.stop()
