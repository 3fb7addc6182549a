"""What is in a slot is not uploaded again, what is no longer in it is; on our firmware, built for this machine."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from pytest_stm32pose.errors import DeviceError
from pytest_stm32pose.families import Meaning
from pytest_stm32pose.golden.store import GoldenStore
from pytest_stm32pose.measure.device import Device
from pytest_stm32pose.measure.picture import measure
from pytest_stm32pose.models.zoo import default_model, default_pictures
from pytest_stm32pose.pictures.files import load_pictures
from pytest_stm32pose.protocol.messages import Command, Status
from tests.line import on_a_line
from tests.support.counted import Counted

TIMEOUT_S = 10.0
PICTURES = load_pictures(default_pictures(), 3)
MEANING = Meaning("heatmap", 13)
REPEAT = 10


@dataclass
class Bench:
    device: Device
    line: Counted
    golden: GoldenStore

    @property
    def uploads(self) -> int:
        """Inputs that went over the line."""
        return round(self.line.sent[Command.UPLOAD] / self.tensor(0).nbytes)

    def tensor(self, number: int) -> np.ndarray:
        return self.device.input_tensor(PICTURES[number])[0]


@pytest.fixture(params=[2, 1], ids=["two slots", "one slot"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with on_a_line(default_model(), icount_ns=0, slots=request.param) as line:
        line.link.clear()
        yield Bench(line.device, line.link, line.golden)


def test_a_picture_is_uploaded_once_however_often_it_runs(bench: Bench) -> None:
    result = measure(bench.device, bench.golden, PICTURES[0], repeat=REPEAT, profile=False)
    assert result.deterministic and result.divergence is None
    assert len(result.timing.values) == REPEAT
    assert bench.line.requests[Command.INFER] == REPEAT + 1
    data = bench.tensor(0).tobytes()
    assert len(data) <= bench.line.sent[Command.UPLOAD] <= 1.02 * len(data)
    assert bench.line.sent.total() <= 1.1 * len(data), "eleven inferences, one upload"
    bench.line.clear()
    bench.device.time(PICTURES[0], repeat=3)
    bench.device.infer(PICTURES[0], profile=True)
    assert bench.line.requests[Command.UPLOAD] == 0, "the slot keeps its data"


def test_the_next_picture_travels_while_the_device_runs(bench: Bench) -> None:
    device, began = bench.device, []

    def ahead() -> None:
        began.append(bench.line.requests[Command.INFER])
        device.upload_ahead(bench.tensor(1))

    if len(device.slots) == 1:
        assert not device.takes_uploads_while_running
        return
    assert device.takes_uploads_while_running
    first = measure(device, bench.golden, PICTURES[0], repeat=1, profile=False, ahead=ahead)
    assert began == [1], "during the first inference, which is not timed"
    assert (first.divergence, first.deterministic) == (None, True)
    sent = bench.line.sent[Command.UPLOAD]
    second = measure(device, bench.golden, PICTURES[1], repeat=1, profile=False)
    assert bench.line.sent[Command.UPLOAD] == sent, "it was there"
    assert second.divergence is None
    assert second.timing.upload_s > 0, "what it took then"
    again = device.again(bench.tensor(0))
    assert bench.line.sent[Command.UPLOAD] == sent, "and so is the one before"
    assert again.input_crc32 == zlib.crc32(bench.tensor(0).tobytes())


@pytest.mark.parametrize(("left", "status"), [(slice(None), Status.CRC), (slice(100), Status.STATE)])
def test_what_is_no_longer_in_the_slot_is_uploaded_once_more(bench: Bench, left: slice, status: Status) -> None:
    device, tensor = bench.device, bench.tensor(0)
    expected = device.again(tensor)
    other = bench.tensor(1).tobytes()[left]
    for slot in range(2):  # somebody else had the link
        device.client.upload(slot, other)
    with pytest.raises(DeviceError) as refused:
        device.client.infer(0, zlib.crc32(tensor.tobytes()), tensor.nbytes)
    assert refused.value.status == status
    bench.line.clear()
    answer = device.again(tensor)
    assert bench.line.requests[Command.INFER] == 2, "refused once"
    assert bench.uploads == 1
    assert np.array_equal(answer.outputs[0].data, expected.outputs[0].data)
    assert answer.input_crc32 == zlib.crc32(tensor.tobytes())


def test_an_upload_that_failed_leaves_nothing_behind(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    device = bench.device
    with monkeypatch.context() as patch:
        patch.setattr(device.client, "upload", lambda slot, data: (_ for _ in ()).throw(DeviceError("refused")))
        with pytest.raises(DeviceError, match="refused"):
            device.upload_ahead(bench.tensor(0))
    assert device.again(bench.tensor(0)).input_crc32 == zlib.crc32(bench.tensor(0).tobytes())
    assert bench.uploads == 1


def test_an_error_of_another_kind_is_not_asked_away(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a slot that holds something else is filled again: what the run itself says is the answer."""
    device = bench.device
    device.again(bench.tensor(0))

    def broken(timeout_s: float) -> None:
        raise DeviceError("the run failed", status=Status.INTERNAL)

    monkeypatch.setattr(device.client, "finish_infer", broken)
    device.start(bench.tensor(0))
    with pytest.raises(DeviceError, match="the run failed"):
        device.finish()
    monkeypatch.undo()
    device.client.abandon()
    bench.line.clear()
    with pytest.raises(DeviceError, match=r"not ready|checksum"):  # a first upload is not repeated either
        monkeypatch.setattr(device.client, "upload", lambda slot, data: None)
        device.again(bench.tensor(2))
    assert bench.line.requests[Command.INFER] == 1
