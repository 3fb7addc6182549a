"""The client of ST's validation protocol against a strict device of each generation, in virtual time."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_stm32pose.errors import DeviceError, PoseError, ProtocolError, TransportTimeout
from pytest_stm32pose.protocol.messages import ANSWER_BIT, Message, encode_message
from pytest_stm32pose.protocol.messages import Command as OwnCommand
from pytest_stm32pose.protocol.st_validation.client import StClient
from pytest_stm32pose.protocol.st_validation.find import find
from pytest_stm32pose.protocol.st_validation.framing import MAX_PAYLOAD, ONE_BYTE, TWO_BYTES, sync_packet
from pytest_stm32pose.protocol.st_validation.link import Link
from pytest_stm32pose.protocol.st_validation.messages import Run
from pytest_stm32pose.transports.framing import encode_frame
from tests.support.st_double import MEMORY_BASE, ONE_MORE, PICTURE, U8, Model, StDouble, Tensor
from tests.support.st_ports import Clock, MemoryPort, Unplugged

GENERATIONS = ("A", "B", "C")
#: Every kind of packets: of a serial line, and large ones over USB.
KINDS = [(each, 0) for each in GENERATIONS] + [(each, size) for each in "BC" for size in (62, MAX_PAYLOAD)]
INPUT, OUTPUT = bytes(range(72)), bytes(range(1, 73))
USB_BAUD = 8_000_000  #: about what USB carries
KNOWN_WITHIN_S = 5.0
BACK_WITHIN_S = 6.0


def port_of(device: StDouble, clock: Clock, **options: bool) -> MemoryPort:
    return MemoryPort(device, USB_BAUD if device.com_param else 115_200, clock=clock, **options)


def connected(port: MemoryPort) -> StClient:
    found = find(lambda baud: port, (port.baudrate,), clock=port.clock)
    client = StClient(Link(port, clock=port.clock))
    client.adopt(found)
    return client


def outputs(client: StClient, number: int = 0, data: Sequence[bytes] = (INPUT,)) -> list[bytes]:
    model = client.models()[number]
    return [each.data.datas for each in client.run(model, list(data)).outputs]


@pytest.mark.parametrize(("generation", "com_param"), KINDS)
def test_everything_that_can_be_asked(generation: str, com_param: int) -> None:
    device = StDouble(generation, com_param=com_param, counters=5, logs=3)
    client = connected(port_of(device, Clock()))
    assert client.version == (0x302 if generation == "C" else 0x301)
    info = client.sys_info()
    assert (info.devid, info.com_param, info.extra) == (0x486, com_param, (1, 1_000_000_000, 900_000_000))
    assert client.payload_bytes == (com_param or 32)
    [model] = client.models()
    assert (model.inputs[0].dims, model.n_init_time) == ((1, 4, 6, 3), 1.5 if generation == "C" else None)
    for mode, layers, layer_bytes, output in (
        (Run.IO_ONLY, 0, 0, OUTPUT),
        (Run.IO_ONLY | Run.PER_LAYER, 2, 0, OUTPUT),
        (Run.IO_ONLY | Run.PER_LAYER_WITH_DATA, 2, 72, OUTPUT),
        (Run.PERF, 0, 0, b""),
    ):
        answer = client.run(model, [INPUT], mode)
        assert [each.data.datas for each in answer.outputs] == [output]
        assert [len(each.tensors[0].data.datas) for each in answer.layers] == [layer_bytes] * layers
        assert len(answer.total.counters) == 10
    assert client.run(model, [b"\x05"], Run.IO_ONLY | Run.CONST_VALUE).outputs[0].data.datas == b"\x06" * 72
    assert client.read_memory(MEMORY_BASE + 3, 1000) == device.memory[3:1003]
    client.write_memory(MEMORY_BASE, b"hello" * 100)
    assert device.memory[:500] == b"hello" * 100
    assert client.checksum(MEMORY_BASE, 500) > 0
    assert client.sync().version == client.version
    assert client.payload_bytes == 32
    assert outputs(client) == [OUTPUT]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_several_models_inputs_and_outputs(generation: str) -> None:
    other = Tensor("other", U8, (1, 500))
    two = Model("two", (PICTURE, other), (other, PICTURE), lambda inputs: [inputs[1], inputs[0]])
    client = connected(port_of(StDouble(generation, models=(ONE_MORE, two)), Clock()))
    data = (INPUT, bytes(500 * [7]))
    assert outputs(client, 1, data) == list(reversed(data))
    with pytest.raises(DeviceError, match="input 2: INVALID_SIZE"):
        outputs(client, 1, (INPUT, b"x"))
    assert outputs(client) == [OUTPUT]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_refusals_by_name(generation: str) -> None:
    client = connected(port_of(StDouble(generation), Clock()))
    assert client.request_unknown() == 4
    [model] = client.models()
    with pytest.raises(DeviceError, match=r"refuses NETWORK_RUN: INVALID_PARAM\."):
        client.run(type(model)(**{**vars(model), "name": "nobody"}), [INPUT])
    with pytest.raises(DeviceError, match="MEMORY_READ: INVALID_PARAM"):
        client.read_memory(0, 4)
    assert outputs(client) == [OUTPUT]


def test_logs_are_told_and_bounded(caplog: pytest.LogCaptureFixture) -> None:
    device = StDouble("B", logs=5)
    client = connected(port_of(device, Clock()))
    with caplog.at_level("INFO"):
        assert outputs(client) == [OUTPUT]
    assert "device: s:config:npu_freq:4" in caplog.text
    device.logs = 10_000
    with pytest.raises(ProtocolError, match="one log message after the other, more than 1000"):
        client.models()


@pytest.mark.parametrize("generation", GENERATIONS)
def test_goodbye_is_said_to_those_who_know_it(generation: str) -> None:
    device = StDouble(generation, com_param=0 if generation == "A" else 512)
    port = port_of(device, Clock())
    client = connected(port)
    client.sys_info()
    client.leave()
    assert device.commands == ([0, 0, 1, 2] if generation == "C" else [0, 0, 1])
    assert device.is_between_messages
    if generation == "C":  # its own runner can connect: packets are short again
        assert device.feed(sync_packet(99, TWO_BYTES))


@pytest.mark.parametrize("com_param", [1, 31, 4095, 1 << 20, 0xFFFFFFFF])
def test_packets_that_cannot_be(com_param: int) -> None:
    device = StDouble("B")
    client = connected(port_of(device, Clock()))
    device.com_param = com_param
    with pytest.raises(ProtocolError, match=rf"asks for packets of {com_param} bytes \(com_param of SYS_INFO\)"):
        client.sys_info()


# --- what an earlier host left ---


def converse(client: StClient) -> None:
    client.sys_info()
    for model in client.models():
        data = [bytes(index % 7 for index in range(each.size)) for each in model.inputs]
        client.run(model, data, Run.IO_ONLY | Run.PER_LAYER)
        client.run(model, [b"\x05" for _ in model.inputs], Run.PERF | Run.CONST_VALUE)
    client.read_memory(MEMORY_BASE, 600)
    client.write_memory(MEMORY_BASE, b"x" * 600)
    client.leave()


def two_models() -> tuple[Model, ...]:
    large = Tensor("large", U8, (1, 10, 10, 3))
    return ONE_MORE, Model("two", (large, PICTURE), (PICTURE,), lambda inputs: [inputs[1]])


#: Two SYNCs, of which one is tried in the other framing first, and SYS_INFO.
SIZE_OF_THREE_REQUESTS = 140


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_host_that_died_at_any_byte(data: st.DataObject) -> None:
    generation, com_param = data.draw(st.sampled_from([*KINDS[:3] * 3, ("B", MAX_PAYLOAD), ("C", MAX_PAYLOAD)]))
    device = StDouble(generation, models=two_models(), com_param=com_param, logs=data.draw(st.integers(0, 2)))
    clock = Clock()
    port = port_of(device, clock)
    port.die_after = data.draw(st.integers(0, 60_000 if com_param else 2500))
    with contextlib.suppress(Unplugged):
        converse(connected(port))
    clock.now += 1.0
    began = clock()
    client = connected(port_of(device, clock, polled=data.draw(st.booleans()) and not com_param))
    assert clock() - began < BACK_WITHIN_S
    client.sys_info()
    assert outputs(client) == [OUTPUT]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_host_that_died_at_any_byte_of_its_first_requests(generation: str) -> None:
    """What the next host sends first completes the request: it must not take the answer for one to its own."""
    for com_param in (0,) if generation == "A" else (0, MAX_PAYLOAD):
        for died in range(SIZE_OF_THREE_REQUESTS):
            device, clock = StDouble(generation, com_param=com_param), Clock()
            port = port_of(device, clock)
            port.die_after = died
            with contextlib.suppress(Unplugged):
                converse(connected(port))
            clock.now += 1.0
            client = connected(port_of(device, clock))
            client.sys_info()
            assert outputs(client) == [OUTPUT], (com_param, died)


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("polled", [False, True])
def test_steps_are_quick(generation: str, polled: bool) -> None:
    framing = ONE_BYTE if generation == "A" else TWO_BYTES
    for place in range(framing.packet_bytes):
        device = StDouble(generation)
        device.feed(bytes(place))
        clock = Clock()
        began = clock()
        assert outputs(connected(port_of(device, clock, polled=polled))) == [OUTPUT]
        assert clock() - began < 1.5, place


@pytest.mark.parametrize("generation", GENERATIONS)
def test_the_rest_of_a_picture_takes_as_long_as_it_takes_to_send(generation: str) -> None:
    large = Tensor("large", U8, (1, 96, 96, 3))
    device = StDouble(generation, models=(Model("large", (large,), (PICTURE,), lambda inputs: [INPUT]),))
    clock = Clock()
    port = port_of(device, clock)
    client = connected(port)
    [model] = client.models()
    began = clock()
    client.run(model, [bytes(large.elements)])
    whole_s = clock() - began
    port.die_after = 300
    with pytest.raises(Unplugged):
        client.run(model, [bytes(large.elements)])
    began = clock()
    assert outputs(connected(port_of(device, clock)), 0, [bytes(large.elements)]) == [INPUT]
    assert clock() - began < 2 * whole_s + 2.0


def test_what_only_a_reset_ends_asks_for_one() -> None:
    device = StDouble("A")
    device.feed(bytes([32, 0xFF, 0xFF, 0xFF, 0x7F]) + bytes(28))  # a message of 256 MB
    clock = Clock()
    began = clock()
    with pytest.raises(
        TransportTimeout, match=r"asks for more and more of a message .*\. Reset the board\.$"
    ) as caught:
        connected(port_of(device, clock))
    assert str(caught.value).count(". ") == 1
    assert clock() - began < 70
    device.reset()
    assert outputs(connected(port_of(device, clock))) == [OUTPUT]


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("seed", range(8))
def test_garbage_on_the_line(generation: str, seed: int) -> None:
    device = StDouble(generation)
    noise = random.Random(seed)
    device.feed(bytes(noise.randrange(256) for _ in range(noise.randrange(1, 60))))
    clock = Clock()
    try:
        client = connected(port_of(device, clock))
    except TransportTimeout as error:
        assert str(error).endswith("Reset the board.")  # a length stood in the noise
        return
    assert outputs(client) == [OUTPUT]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_device_of_another_generation_after_a_reflash(generation: str) -> None:
    port = port_of(StDouble(generation), Clock())
    client = connected(port)
    assert outputs(client) == [OUTPUT]
    for other in GENERATIONS:
        port._device = StDouble(other)
        if (other == "A") != (generation == "A"):
            with pytest.raises(PoseError):
                client.sys_info()
        client.resync()
        assert outputs(client) == [OUTPUT]
        generation = other


# --- who is not there ---


class Talks:
    """A device that says something when it hears something."""

    def __init__(self, answer: bytes, *, once: bool = False) -> None:
        self.answer = answer
        self.once = once

    def feed(self, data: bytes, *, transfer_ends: bool = False) -> bytes:
        answer = self.answer
        if self.once:
            self.answer = b""
        return answer if transfer_ends or self.once else b""


def nobody(devices: dict[int, object], speeds: tuple[int, ...] = (115_200, 921_600)) -> str:
    clock = Clock()
    began = clock()
    with pytest.raises(TransportTimeout) as caught:
        find(lambda baud: MemoryPort(devices.get(baud), baud, clock=clock), speeds, clock=clock)  # type: ignore[arg-type]
    assert clock() - began <= KNOWN_WITHIN_S
    assert "\n" not in str(caught.value)
    return caught.value.message


def test_nobody_is_there() -> None:
    said = nobody({})
    assert said == "memory://: nothing answers ST's SYNC at 115200 or 921600 baud: nothing was heard."
    assert "at 9600 baud: nothing was heard" in nobody({}, (9600,))
    nobody({}, (115_200, 921_600, 460_800))


def test_a_log_is_no_answer() -> None:
    said = nobody({921_600: Talks(b"\r\nREADY to receive a CMD from the HOST...\r\n", once=True)})
    assert "at 921600 baud 43 bytes of text came ('READY to receive a CMD from the HOST...')" in said
    assert "bytes of text came" in nobody({115_200: Talks(b"tick\r\n" * 50)})


def test_other_bytes_are_no_answer() -> None:
    assert "at 115200 baud 7 bytes came that are no packets of it" in nobody({115_200: Talks(b"\xfe" * 7, once=True)})


class PoseRunner:
    """Speaks our own protocol, HELLO only."""

    def __init__(self) -> None:
        self._frame = b""

    def feed(self, data: bytes, *, transfer_ends: bool = False) -> bytes:
        self._frame += data
        if not data.endswith(b"\0"):
            return b""
        frame, self._frame = self._frame.strip(b"\0"), b""
        hello = encode_frame(encode_message(Message(OwnCommand.HELLO, nonce=0x53545354))).strip(b"\0")
        return encode_frame(encode_message(Message(OwnCommand.HELLO | ANSWER_BIT, 1, b"x"))) if frame == hello else b""


def test_our_own_protocol_is_named() -> None:
    said = nobody({921_600: PoseRunner()})
    assert "at 921600 baud a pose runner answers, which speaks our own protocol alone" in said


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("count", [1, 10, 32])
def test_half_an_answer(generation: str, count: int) -> None:
    clock = Clock()
    port = port_of(StDouble(generation), clock)
    port.told_after = count
    began = clock()
    with pytest.raises(TransportTimeout) as caught:
        find(lambda baud: port, (115_200,), clock=clock)
    if count > 2:
        letters = "A" if generation == "A" else "B or C"
        assert f"an answer of generation {letters} began, and stopped ({count} bytes)" in str(caught.value)
    assert clock() - began <= KNOWN_WITHIN_S


@pytest.mark.parametrize("generation", GENERATIONS)
def test_half_of_every_answer(generation: str) -> None:
    device = StDouble(generation)

    class Half:
        def feed(self, data: bytes, *, transfer_ends: bool = False) -> bytes:
            return device.feed(data, transfer_ends=transfer_ends)[:10]

    assert "began, and stopped" in nobody({115_200: Half()})


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("device_baud", [115_200, 921_600])
@pytest.mark.parametrize("order", [1, -1])
def test_either_speed_is_found(generation: str, device_baud: int, order: int) -> None:
    device, clock, opened = StDouble(generation), Clock(), []

    def open_at(baud: int) -> MemoryPort:
        opened.append(MemoryPort(device, baud, clock=clock, device_baud=device_baud))
        return opened[-1]

    began = clock()
    found = find(open_at, (115_200, 921_600)[::order], clock=clock)
    assert clock() - began <= KNOWN_WITHIN_S
    client = StClient(Link(opened[-1], clock=clock))
    client.adopt(found)
    assert opened[-1].baudrate == device_baud
    assert outputs(client) == [OUTPUT]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_device_is_never_left_inside_a_packet(generation: str) -> None:
    """Nothing of what it says reaches us; its own runner connects all the same afterwards."""
    device, clock = StDouble(generation), Clock()
    port = port_of(device, clock)
    port.told_after = 0
    with pytest.raises(TransportTimeout):
        find(lambda baud: port, (115_200,), clock=clock)
    assert device.feed(sync_packet(99, ONE_BYTE if generation == "A" else TWO_BYTES))


def test_a_newer_device_that_was_asked_in_the_old_way_is_found_by_its_own_runner() -> None:
    device = StDouble("B")
    client = connected(port_of(device, Clock()))  # begins with generation A's SYNC
    client.leave()
    assert device.is_between_messages


@dataclass(frozen=True)
class Case:
    com_param: int
    short_reads: bool


@pytest.mark.parametrize("case", [Case(MAX_PAYLOAD, False), Case(MAX_PAYLOAD, True), Case(62, True), Case(0, True)])
def test_large_packets_of_an_earlier_host(case: Case) -> None:
    """It closed the port without a goodbye (generation B knows none)."""
    device, clock = StDouble("B", com_param=case.com_param, short_reads=case.short_reads), Clock()
    connected(port_of(device, clock)).sys_info()
    began = clock()
    client = connected(port_of(device, clock))
    assert clock() - began < KNOWN_WITHIN_S
    client.sys_info()
    assert outputs(client) == [OUTPUT]


def test_who_said_goodbye_may_come_back() -> None:
    device = StDouble("C", com_param=512)
    client = connected(port_of(device, Clock()))
    client.sys_info()
    client.leave()
    assert (client.payload_bytes, outputs(client)) == (32, [OUTPUT])
    assert device.commands[3:5] == [2, 10]  # without another SYNC


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_run_whose_answer_nobody_took_is_over_before_the_goodbye(generation: str) -> None:
    device = StDouble(generation)
    client = connected(port_of(device, Clock()))
    [model] = client.models()
    client.start_run(model, [INPUT])
    client.leave()
    assert device.is_between_messages
    assert device.commands[-1] == (2 if generation == "C" else 0)
