"""Tensors by CRC-32 first: what travels, and that nothing that is said of a picture is another thing for it.

Our firmware, built for this machine, runs the default network and damaged ones; a link that lies stands for a device
that does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_stm32pose.bench.faults import flip_weight
from pytest_stm32pose.errors import DeviceError, ProtocolError
from pytest_stm32pose.golden.base import GoldenAnswer
from pytest_stm32pose.golden.store import GoldenStore
from pytest_stm32pose.measure.divergence import outputs_crc32
from pytest_stm32pose.measure.picture import measure
from pytest_stm32pose.measure.result import PictureResult
from pytest_stm32pose.models.zoo import default_model
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.protocol.messages import Capability, Command, InferOption, Part, decode_message, encode_message
from pytest_stm32pose.types import InferResult, TensorData
from tests.firmware.host_device import mailbox_transport
from tests.line import OPEN_S, Line, on_a_line
from tests.support.counted import Counted

#: Of a TENSOR part: kind, and where the CRC-32 is.
OUTPUT, INTERMEDIATE = 0, 1
CRC = slice(-4, None)


@pytest.fixture
def line() -> Iterator[Line]:
    with on_a_line(default_model()) as started:
        yield started


def measured(line: Line) -> PictureResult:
    return measure(line.device, line.golden, line.picture, repeat=1, profile=False)


def figures(result: PictureResult) -> list[Any]:
    """Everything that is known of a picture but the time that the machine took."""
    found = replace(result, timing=replace(result.timing, values=(), upload_s=0.0, download_s=0.0))
    return [vars(replace(found, divergence=None)), map_of(found)]


def map_of(found: Any) -> list[Any]:
    """A divergence, its map in numbers."""
    divergence = found.divergence
    if divergence is None:
        return []
    where = divergence.where
    shown = None if where is None else (where.counts.tolist(), where.height, where.width, where.channels)
    return [shown, replace(divergence, where=None)]


def test_what_travels_of_a_picture_and_of_a_comparison(line: Line) -> None:
    """By the layout alone: a message has 16 bytes more than its payload, a frame two more, one in 254 for COBS."""
    network = line.device.network
    size, frame = len(input_bytes(line)), 16 + 2
    uploads = -(-size // (4032 - 64))  # frames of a quarter of the window, with what a message has beside its data
    tensors = sum(frame + 20 + 4 * len(t.shape) for t in network.graph.tensors if t.index in network.tensors)
    outputs = sum(frame + 20 + 4 * len(network.graph.tensors[i].shape) for i in network.graph.outputs)
    result = frame + 16 + 12 * network.description.keypoints
    for moved, back in (
        (line.of_a_picture(all_bytes=False), outputs + result),
        (line.of_every_tensor(all_bytes=False), tensors + outputs + result),
    ):
        assert 0 < moved.down <= back + uploads * (frame + 4)
        assert moved.up <= size + size // 254 + uploads * (frame + 9) + frame + 16
    assert line.of_a_picture(all_bytes=True).down > network.graph.tensors[network.graph.outputs[0]].nbytes


def input_bytes(line: Line) -> bytes:
    return line.device.input_tensor(line.picture)[0].tobytes()


@pytest.mark.parametrize("bit", [None, 8_007, 60_001, 200_006])
def test_every_figure_is_that_of_all_bytes(bit: int | None) -> None:
    """Of the right network, and of those in which a bit of the weights is another one."""
    with on_a_line(default_model(), partial(flip_weight, bit=bit) if bit else bytes) as line:
        told = []
        for all_bytes in (False, True):
            line.device.all_bytes = all_bytes
            result = measured(line)
            comparison = line.device.compare_intermediates(line.golden, line.picture)
            told.append((figures(result), comparison.tensors, comparison.not_in_golden, map_of(comparison)))
    np.testing.assert_equal(told[0], told[1])
    assert bool(told[0][3]) == bool(bit)


def test_a_stored_golden_needs_no_bytes_of_tensors(tmp_path: Path) -> None:
    with on_a_line(default_model(), partial(flip_weight, bit=None)) as line:
        live = line.golden
        update = GoldenStore("update", tmp_path, line.device.network.description, live._live_engine)
        tensor, _ = line.device.input_tensor(line.picture)
        update.answer(line.picture, tensor)
        line.golden = GoldenStore("check", tmp_path, line.device.network.description, live._live_engine)
        line.device.all_bytes = True
        expected = line.device.compare_intermediates(line.golden, line.picture).divergence
        line.device.all_bytes = False
        assert line.device.compare_intermediates(line.golden, line.picture).divergence == expected
        assert expected is not None
        assert "by CRC-32" in expected.describe()


class Liar(Counted):
    """Changes TENSOR parts of what a device says; their messages are whole."""

    def __init__(self, inner: Counted, change: Callable[[bytearray], None]) -> None:
        super().__init__(inner)
        self._change = change

    def receive(self, timeout_s: float) -> bytes:
        message = decode_message(super().receive(timeout_s))
        payload = bytearray(message.payload)
        if message.type == Command.INFER | 0x80 and payload and payload[0] == Part.TENSOR:
            self._change(payload)
        return encode_message(replace(message, payload=bytes(payload)))


def lying(change: Callable[[bytearray], None]) -> Callable[[Counted], Counted]:
    return lambda link: Liar(link, change)


def test_a_crc_that_is_not_of_the_bytes_is_no_pass() -> None:
    """That of the run before, of half of the tensor, of nothing: of other bytes than there are."""

    def stale(payload: bytearray) -> None:
        if payload[1] == OUTPUT:
            payload[CRC] = bytes(4)

    with on_a_line(default_model(), between=lying(stale)) as line:
        with pytest.raises(DeviceError, match=r"told CRC-32 0x00000000 of output tensor .*, and its bytes have 0x"):
            measured(line)
        with pytest.raises(DeviceError, match="told CRC-32"):
            line.device.compare_intermediates(line.golden, line.picture)


def test_the_crc_of_another_length_is_no_pass() -> None:
    def longer(payload: bytearray) -> None:
        if payload[1] == OUTPUT:  # one row fewer, and the bytes that go with it; the CRC-32 stays
            height = int.from_bytes(payload[16:20], "little")
            row = int.from_bytes(payload[-8:-4], "little") // height
            payload[16:20] = (height - 1).to_bytes(4, "little")
            payload[-8:-4] = (row * (height - 1)).to_bytes(4, "little")

    with (
        on_a_line(default_model(), between=lying(longer)) as line,
        pytest.raises(ProtocolError, match=r"OUTPUT answer: \d+ bytes, \d+ of 28704 were to come"),
    ):
        measured(line)


def test_a_tensor_that_is_another_one_the_second_time_is_no_pass() -> None:
    """The bytes of an intermediate come of another run; what that run says does not make the first one right."""
    runs: list[bytes] = []

    def first_time(payload: bytearray) -> None:
        if payload[1] == INTERMEDIATE and len(runs) < 5:
            runs.append(bytes(payload[4:8]))
            if len(runs) == 5:
                payload[CRC] = bytes(4)

    with on_a_line(default_model(), between=lying(first_time)) as line:
        divergence = line.device.compare_intermediates(line.golden, line.picture).divergence
        assert divergence is not None
        assert divergence.tensor == int.from_bytes(runs[-1], "little")
        assert "(by CRC-32; asked again on the same input, the device gave other tensors;" in divergence.describe()
        assert line.device.compare_intermediates(line.golden, line.picture).divergence is None


def elsewhere(line: Line) -> None:
    """Another host runs the self-test, which takes the arena."""
    with closing(mailbox_transport(line.host)) as link:
        link.open(OPEN_S)
        client = PoseClient(link)
        client.hello()
        assert client.self_test().passed


def test_outputs_that_are_gone_are_computed_again() -> None:
    with on_a_line(default_model(), partial(flip_weight, bit=None)) as line:
        expected = figures(measured(line))
        ask = line.device.finish
        asked: list[int] = []

        def finish_and_lose() -> Any:
            answer = ask()
            asked.append(1)
            if len(asked) == 1:
                elsewhere(line)
            return answer

        line.device.finish = finish_and_lose  # type: ignore[method-assign]
        np.testing.assert_equal(figures(measured(line)), expected)
        assert len(asked) >= 2


def test_outputs_that_are_gone_and_come_back_otherwise_are_an_error() -> None:
    runs: list[int] = []

    def first_time(payload: bytearray) -> None:
        if payload[1] == OUTPUT:
            runs.append(1)
            if len(runs) == 1:
                payload[CRC] = bytes(4)

    with on_a_line(default_model(), between=lying(first_time)) as line:
        ask = line.device.finish

        def finish_and_lose() -> Any:
            answer = ask()
            if len(runs) == 1:
                elsewhere(line)
            return answer

        line.device.finish = finish_and_lose  # type: ignore[method-assign]
        with pytest.raises(
            DeviceError, match=r"outputs were gone, and asked again on the same input, .* other tensors"
        ):
            measured(line)


def test_an_older_firmware_is_asked_for_what_it_knows(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    options: list[InferOption] = []
    start = PoseClient.start_infer

    def noted(self: PoseClient, slot: int, crc: int, size: int, wanted: InferOption, *rest: Any) -> None:
        options.append(wanted)
        start(self, slot, crc, size, wanted, *rest)

    monkeypatch.setattr(PoseClient, "start_infer", noted)
    line.device.capabilities &= ~Capability.DIGESTS
    result = measured(line)
    assert result.divergence is None
    assert [each.difference.differing for each in result.tensors] == [0]
    assert line.device.compare_intermediates(line.golden, line.picture).tensors == len(line.device.network.tensors)
    assert options
    assert not any(InferOption.DIGESTS in each for each in options)


class SignedZeros(GoldenStore):
    """Zeros of a golden's floats are negative: other bits, the same values."""

    def answer(self, *args: Any, **options: Any) -> GoldenAnswer:
        golden = super().answer(*args, **options)
        outputs, middle = (tuple(map(_negative, t)) for t in (golden.result.outputs, golden.result.intermediates))
        return replace(golden, result=replace(golden.result, outputs=outputs, intermediates=middle))


def _negative(tensor: TensorData) -> TensorData:
    data = tensor.data
    return tensor if data.dtype.kind != "f" else replace(tensor, data=np.where(data == 0, data.dtype.type(-0.0), data))


@pytest.mark.parametrize("all_bytes", [False, True], ids=["crc", "full"])
def test_floats_of_one_value_are_equal_whatever_their_bits(line: Line, all_bytes: bool) -> None:
    golden = SignedZeros("live", None, line.device.network.description, line.golden._live_engine)
    tensor, _ = line.device.input_tensor(line.picture)
    plain, signed = (store.answer(line.picture, tensor).result.outputs[0] for store in (line.golden, golden))
    assert plain.data.tobytes() != signed.data.tobytes(), "the test can fail"
    line.golden, line.device.all_bytes = golden, all_bytes
    result = measured(line)
    assert result.divergence is None
    assert [each.difference.differing for each in result.tensors] == [0]
    assert result.output_crc32 == outputs_crc32(InferResult(None, (plain,))), "the device's own bytes are told"
    comparison = line.device.compare_intermediates(golden, line.picture)
    assert (comparison.divergence, comparison.tensors) == (None, len(line.device.network.tensors))
