"""The client of ST's validation protocol against a device that can go wrong (tests/support/st_device.py)."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_stm32pose.errors import DeviceError, PoseError, ProtocolError, TransportError, TransportTimeout
from pytest_stm32pose.protocol.st_validation import exchange, wire
from pytest_stm32pose.protocol.st_validation.client import StClient, bsd_checksum, check_version
from pytest_stm32pose.protocol.st_validation.link import Link, packets
from pytest_stm32pose.protocol.st_validation.messages import Ack, Response, Run
from pytest_stm32pose.transports.port import SerialPort
from tests.support.st_device import BYTES, MEMORY, MEMORY_BASE, StDevice, running

INPUT = bytes(range(BYTES))
OUTPUT = bytes(byte + 1 for byte in INPUT)
PATIENCE_S = 60.0


@pytest.fixture
def device() -> Iterator[StDevice]:
    with running() as found:
        yield found


@pytest.fixture
def client(device: StDevice, monkeypatch: pytest.MonkeyPatch) -> Iterator[StClient]:
    monkeypatch.setattr(exchange, "RESYNC_SILENCE_S", 0.05)
    port = SerialPort(device.url, 115200)
    port.open()
    yield StClient(Link(port, credit_timeout_s=PATIENCE_S), timeout_s=PATIENCE_S)
    port.close()


@contextlib.contextmanager
def hasty(client: StClient, patience_s: float = 0.3) -> Iterator[None]:
    """With little patience, where silence is what comes: everywhere else a busy host must not be taken for it."""
    exchanges = client._exchange
    exchanges.timeout_s = exchanges._link._credit_timeout_s = patience_s
    yield
    exchanges.timeout_s = exchanges._link._credit_timeout_s = PATIENCE_S


# --- the link ---


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_packets_hold_length_and_message(message: bytes) -> None:
    sent = list(packets(message))
    assert all(len(packet) == 33 and 1 <= packet[0] <= 32 for packet in sent)
    assert all(packet[0] == 32 for packet in sent[:-1])
    assert not any(sent[-1][1 + sent[-1][0] :])
    stream = b"".join(packet[1 : 1 + packet[0]] for packet in sent)
    head = 1 if len(message) < 128 else 2
    assert stream[head:] == message


@pytest.mark.parametrize("size", [0, 1, 31, 32, 33, 63, 64, 65])
def test_messages_of_every_length_arrive(device: StDevice, client: StClient, size: int) -> None:
    # A message that fills its last packet is followed by an empty one with the end flag.
    assert client.read_memory(MEMORY_BASE, size + 1) == MEMORY[: size + 1]


# --- what a healthy device answers ---


def test_who_is_there(client: StClient) -> None:
    assert client.sync().version == 0x301
    assert client.sys_info().extra == (1, 1_000_000_000, 900_000_000)
    [model] = client.models()
    assert (model.name, model.n_macc, model.inputs[0].dims) == ("network", 1234, (1, 4, 6, 3))


@pytest.mark.parametrize(
    ("mode", "layers", "layer_bytes", "output"),
    [
        (Run.IO_ONLY, 0, 0, OUTPUT),
        (Run.IO_ONLY | Run.PER_LAYER, 2, 0, OUTPUT),
        (Run.IO_ONLY | Run.PER_LAYER_WITH_DATA, 2, BYTES, OUTPUT),
        (Run.PERF, 0, 0, b""),
    ],
)
def test_runs(device: StDevice, client: StClient, mode: Run, layers: int, layer_bytes: int, output: bytes) -> None:
    [model] = client.models()
    before = device.credits
    answer = client.run(model, [INPUT], mode)
    assert device.credits == before + 2  # the input and its four field headers take three packets
    assert answer.outputs[0].data.datas == output
    assert answer.total.counters == (80_000, 0)
    assert [len(each.tensors[0].data.datas) for each in answer.layers] == [layer_bytes] * layers


def test_a_constant_fills_the_input(client: StClient) -> None:
    [model] = client.models()
    answer = client.run(model, [b"\x05"], Run.IO_ONLY | Run.CONST_VALUE)
    assert answer.outputs[0].data.datas == b"\x06" * BYTES


def test_two_inputs(device: StDevice, client: StClient) -> None:
    device.behaviour = "two-inputs"
    [model] = client.models()
    assert client.run(model, [bytes(BYTES), INPUT]).outputs[0].data.datas == OUTPUT
    with pytest.raises(ProtocolError, match="2 inputs, 1 were given"):
        client.run(model, [INPUT])


def test_memory(device: StDevice, client: StClient) -> None:
    assert client.read_memory(MEMORY_BASE + 3, 1000) == MEMORY[3:1003]
    client.write_memory(MEMORY_BASE + 10, b"hello" * 100)
    assert device.memory[10:510] == b"hello" * 100
    assert client.checksum(MEMORY_BASE + 10, 500) == bsd_checksum(b"hello" * 100)
    for refused in (lambda: client.read_memory(0, 4), lambda: client.checksum(MEMORY_BASE, 1 << 20)):
        with pytest.raises(DeviceError, match="INVALID_PARAM"):
            refused()


def test_checksum_is_that_of_sum(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(MEMORY)
    told = subprocess.run(["sum", "-r", tmp_path / "data"], capture_output=True, text=True, check=True).stdout
    assert bsd_checksum(MEMORY) == int(told.split()[0])


def test_a_long_answer_takes_its_time(device: StDevice, client: StClient) -> None:
    device.behaviour = "slow"
    began = time.monotonic()
    with hasty(client, 1.0):
        assert client.read_memory(MEMORY_BASE, 1024) == MEMORY[:1024]
    assert time.monotonic() - began > 1.0  # longer than the client's patience with silence


def test_logs_are_acknowledged(device: StDevice, client: StClient, caplog: pytest.LogCaptureFixture) -> None:
    device.behaviour = "log"
    with caplog.at_level("INFO"):
        [model] = client.models()
        assert client.run(model, [INPUT]).outputs[0].data.datas == OUTPUT
    assert "still here" in caplog.text


# --- what goes wrong ---


def test_unknown_command(client: StClient) -> None:
    assert client.request_unknown() == 6
    assert client.sync().version == 0x301


def test_wrong_size_is_refused_and_the_next_run_works(device: StDevice, client: StClient) -> None:
    [model] = client.models()
    with pytest.raises(DeviceError, match="input 1: INVALID_SIZE"):
        client.run(model, [INPUT[:-1]])
    assert client.run(model, [INPUT]).outputs[0].data.datas == OUTPUT
    device.behaviour = "early-error"
    with pytest.raises(DeviceError, match="INVALID_SIZE"):
        client.run(model, [INPUT * 100])
    device.behaviour = ""
    assert client.run(model, [INPUT]).outputs[0].data.datas == OUTPUT


@pytest.mark.parametrize("packet", [0, 1, 2, 3])
def test_a_lost_packet_is_told_and_overcome(device: StDevice, client: StClient, packet: int) -> None:
    [model] = client.models()
    device.lose_packets = {packet}  # of the request, of the input
    with hasty(client), pytest.raises(TransportTimeout):
        client.run(model, [INPUT])
    assert client.run(model, [INPUT]).outputs[0].data.datas == OUTPUT


@pytest.mark.parametrize("count", [1, 16, 32])
def test_lost_bytes_are_overcome(device: StDevice, client: StClient, count: int) -> None:
    [model] = client.models()
    device.lose_bytes = count
    with hasty(client), pytest.raises(TransportTimeout):
        client.run(model, [INPUT])
    assert client.run(model, [INPUT]).outputs[0].data.datas == OUTPUT


@pytest.mark.parametrize(
    ("behaviour", "error", "words"),
    [
        ("mute", TransportTimeout, "NETWORK_INFO: .* sent no whole answer within 0.3 s"),
        ("half", TransportTimeout, "no whole answer"),
        ("noise", ProtocolError, "starts with 0x55"),
        ("no-model", DeviceError, r"no network that works \(UNINITIALIZED\)"),
    ],
)
def test_one_sentence_each(
    device: StDevice, client: StClient, behaviour: str, error: type[PoseError], words: str
) -> None:
    device.behaviour = behaviour
    with hasty(client), pytest.raises(error, match=words) as caught:
        client.models()
    assert "\n" not in str(caught.value)
    device.behaviour = ""
    assert len(client.models()) == 1


def test_a_device_that_asks_for_no_more(device: StDevice, client: StClient) -> None:
    [model] = client.models()
    device.behaviour = "no-credit"
    with hasty(client), pytest.raises(TransportTimeout, match=r"took packet 1 of 3 and asked for no more within 0.3 s"):
        client.run(model, [INPUT])


def test_version(device: StDevice, client: StClient) -> None:
    device.behaviour = "version"
    with pytest.raises(ProtocolError, match=r"version 2\.0 of ST's protocol, expected 3\.1"):
        check_version(client.sync())


def test_outputs_must_end_where_the_model_says(device: StDevice, client: StClient) -> None:
    [model] = client.models()
    device.behaviour = "wrong-last"
    with pytest.raises(ProtocolError, match="output 1 of 1 came with DONE"):
        client.run(model, [INPUT])
    device.behaviour = ""
    assert client.run(model, [INPUT]).outputs[0].data.datas == OUTPUT


def test_a_wrong_checksum_of_written_memory(device: StDevice, client: StClient) -> None:
    device.behaviour = "wrong-sum"
    with pytest.raises(ProtocolError, match="0x20000000 arrived damaged"):
        client.write_memory(MEMORY_BASE, b"x" * 10)


def test_a_run_whose_answer_was_not_taken_is_got_over(client: StClient) -> None:
    [model] = client.models()
    client.start_run(model, [INPUT])
    assert client.run(model, [INPUT]).outputs[0].data.datas == OUTPUT
    with pytest.raises(ProtocolError, match="No inference is under way"):
        client.finish_run()


def test_an_unplugged_port(device: StDevice, client: StClient) -> None:
    [model] = client.models()
    device.unplug()
    with pytest.raises(TransportError):
        client.run(model, [INPUT])


def test_a_device_that_never_comes_back(device: StDevice, client: StClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "RESYNC_SILENCE_S", 0.01)
    monkeypatch.setattr(exchange, "RESYNC_PATIENCE_S", 0.5)
    monkeypatch.setattr(exchange, "RESYNC_LIMIT_S", 1.0)
    client.sync()
    device.behaviour = "mute"
    for _ in range(2):
        with hasty(client), pytest.raises(TransportTimeout) as caught:
            client.sync()
    assert "does not answer SYNC after a loss: " in str(caught.value)


# --- a line that never falls silent ---


class Chatter:
    """A port on which the same comes again and again; time passes by the bytes."""

    url, baudrate = "chatter://", 115_200

    def __init__(self, said: bytes) -> None:
        self._said = said
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def write(self, data: bytes, timeout_s: float) -> None: ...

    def read(self, timeout_s: float) -> bytes:
        self.now += len(self._said) * 10 / self.baudrate
        return self._said


def test_requests_for_packets_without_end_are_no_answer() -> None:
    port = Chatter(b"\xaa" * 7)
    link = Link(port, clock=port.clock)
    with pytest.raises(TransportTimeout, match=r"no whole answer came within 0\.5 s"):
        link.receive(0.5)
    assert port.now < 1.0


def test_answers_to_other_requests_without_end_are_no_answer() -> None:
    other = wire.encode(Response(reqid=77, state=0, ack=Ack(0, 0)))
    port = Chatter(bytes([0x80 | len(other)]) + other.ljust(32, b"\0"))
    waiting = exchange.Exchange(Link(port, clock=port.clock), timeout_s=600.0)
    with pytest.raises(ProtocolError, match="answers to other requests, more than 1000"):
        waiting.answer("SYNC")
    assert not waiting.in_step
