"""An error between start and end of a request leaves no request open; on our firmware, built for this machine."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_stm32pose.errors import GoldenError, TransportError
from pytest_stm32pose.families import Meaning
from pytest_stm32pose.golden.engine import GoldenEngine
from pytest_stm32pose.golden.store import GoldenStore
from pytest_stm32pose.measure.device import Device
from pytest_stm32pose.measure.picture import measure
from pytest_stm32pose.measure.slots import Slots
from pytest_stm32pose.models.zoo import default_model, default_pictures
from pytest_stm32pose.network.compile import compile_model
from pytest_stm32pose.pictures.files import load_pictures
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.protocol.messages import InferOption
from pytest_stm32pose.types import Picture
from tests.firmware.host_device import mailbox_transport, running

TIMEOUT_S = 10.0
PICTURES = load_pictures(default_pictures(), 2)


@pytest.fixture(params=["heatmap", "none"])
def device(request: pytest.FixtureRequest) -> Iterator[Device]:
    meaning = Meaning(request.param, 13 if request.param == "heatmap" else 0)
    network = compile_model(default_model(), meaning=meaning)
    with running(network.image) as host, closing(mailbox_transport(host)) as link:
        link.open(TIMEOUT_S)
        client = PoseClient(link)
        hello = client.hello()
        spec = SimpleNamespace(name="host", icount_ns=0, clock_hz=hello.clock_hz, is_twin=False, slowness=1.0)
        board: Any = SimpleNamespace(spec=spec)
        yield Device(board, client, network, hello.tick_hz, slots=Slots(hello.slot_count))


def goldens(device: Device, folder: Path | None = None) -> GoldenStore:
    """Live ones, or those stored in a folder."""
    description = device.network.description
    meaning = Meaning(description.family, description.keypoints)
    return GoldenStore(
        "check" if folder else "live", folder, description, lambda: GoldenEngine(default_model(), meaning)
    )


def test_a_missing_golden_does_not_block_the_next_picture(device: Device, tmp_path: Path) -> None:
    for attempt in range(3):
        with pytest.raises(GoldenError, match="no stored golden"):
            measure(device, goldens(device, tmp_path), PICTURES[attempt % 2], repeat=1, profile=True)
    with pytest.raises(GoldenError, match="no stored golden"):
        device.compare_intermediates(goldens(device, tmp_path), PICTURES[0])
    result = measure(device, goldens(device), PICTURES[1], repeat=1, profile=False)
    assert result.divergence is None
    assert result.max_lsb == 0


@pytest.mark.parametrize("error", [GoldenError("missing"), ValueError("a defect"), MemoryError()])
def test_any_error_of_the_host_is_told_and_the_answer_is_taken(device: Device, error: Exception) -> None:
    tensor, _ = device.input_tensor(PICTURES[0])

    def broken() -> None:
        raise error

    with pytest.raises(type(error)):
        device.run(tensor, broken, profile=True)
    answer, said, upload_s = device.run(tensor, lambda: "done")
    assert (said, answer.input_crc32) == ("done", zlib.crc32(tensor.tobytes()))
    assert upload_s >= 0
    assert (answer.keypoints_norm is None) == (not device.decodes)
    assert len(answer.outputs) == 1


def test_a_dead_link_does_not_hide_the_hosts_error(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    tensor, _ = device.input_tensor(PICTURES[0])

    def dead(timeout_s: float) -> None:
        raise TransportError("the cable is gone")

    def broken() -> None:
        raise GoldenError("missing")

    monkeypatch.setattr(device.client, "finish_infer", dead)
    with pytest.raises(GoldenError, match="missing"):
        device.run(tensor, broken)
    monkeypatch.undo()
    device.client.abandon()  # it is still sending its answer


def test_a_request_that_a_test_left_open_is_ended(device: Device) -> None:
    picture: Picture = PICTURES[0]
    tensor, _ = device.input_tensor(picture)
    device.client.abandon()  # nothing to do
    device.start(tensor, profile=True)
    device.client.abandon()
    answer = device.infer(picture)
    assert answer.input_crc32 == zlib.crc32(tensor.tobytes())


def test_a_request_that_could_not_be_sent_is_not_open(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    client, (tensor, _) = device.client, device.input_tensor(PICTURES[0])
    data = tensor.tobytes()
    client.upload(0, data)

    def dead(message: bytes, timeout_s: float) -> None:
        raise TransportError("the cable is gone")

    with monkeypatch.context() as patch:
        patch.setattr(client._transport, "send", dead)
        with pytest.raises(TransportError, match="cable"):
            client.start_infer(0, zlib.crc32(data), len(data), InferOption.OUTPUTS)
    client.start_infer(0, zlib.crc32(data), len(data), InferOption.OUTPUTS)
    assert client.finish_infer(TIMEOUT_S).outputs


def test_a_network_without_a_family_is_compared_in_every_output(device: Device) -> None:
    result = measure(device, goldens(device), PICTURES[0], repeat=1, profile=False)
    assert [each.difference.differing for each in result.tensors] == [0]
    if device.decodes:
        assert (result.oks_vs_golden, result.error_px_max) == (1.0, 0.0)
        return
    figures = (result.device_px, result.golden_px, result.truth_px, result.oks_vs_golden, result.oks_vs_truth,
               result.pck, result.error_px_max, result.matches)  # fmt: skip
    assert figures == (None,) * len(figures)


def test_stored_goldens_of_another_family(device: Device, tmp_path: Path) -> None:
    """Tensors only: whatever is stored will do. Keypoints: those must be stored."""
    meanings = {"heatmap": Meaning("none", 0), "none": Meaning("heatmap", 13)}
    other = compile_model(default_model(), meaning=meanings[device.network.description.family])
    writer = GoldenStore(
        "update", tmp_path, other.description,
        lambda: GoldenEngine(default_model(), meanings[device.network.description.family]),
    )  # fmt: skip
    tensor, _ = device.input_tensor(PICTURES[0])
    writer.answer(PICTURES[0], tensor)
    if device.decodes:
        with pytest.raises(GoldenError, match="written with --pose-family=none"):
            measure(device, goldens(device, tmp_path), PICTURES[0], repeat=1, profile=False)
    else:
        assert measure(device, goldens(device, tmp_path), PICTURES[0], repeat=1, profile=False).divergence is None
