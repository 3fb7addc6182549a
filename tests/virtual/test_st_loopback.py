"""Both sides of ST's validation protocol: the host's client against our firmware, and against our own protocol."""

from __future__ import annotations

import contextlib
import dataclasses
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_stm32pose.errors import DeviceError, TransportTimeout
from pytest_stm32pose.models.zoo import default_model, default_pictures
from pytest_stm32pose.network.compile import CompiledNetwork, compile_model
from pytest_stm32pose.pictures.files import load_pictures
from pytest_stm32pose.pictures.preprocess import input_tensor
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.protocol.messages import InferOption
from pytest_stm32pose.protocol.st_validation import exchange
from pytest_stm32pose.protocol.st_validation.client import StClient, bsd_checksum
from pytest_stm32pose.protocol.st_validation.link import Link
from pytest_stm32pose.protocol.st_validation.messages import Error, Run
from pytest_stm32pose.protocol.st_validation.runner import StRunner
from pytest_stm32pose.record.read import record_schema
from pytest_stm32pose.run.session import PoseRun
from pytest_stm32pose.settings import Settings
from pytest_stm32pose.transports.port import SerialPort
from pytest_stm32pose.types import InferResult
from tests.firmware.host_device import HostDevice, running, serial_transport
from tests.support.shared_data import shared_dir
from tests.virtual.suite_run import SuiteRun, run_suite

TIMEOUT_S = 30.0
DATA = shared_dir()
MOVENET = "st_movenet_lightning_heatmaps_192_int8_pc.tflite"
YOLO = "yolov8n_256_quant_pc_uf_pose_coco-st.tflite"
needs_data = pytest.mark.skipif(
    DATA is None, reason="the validation data are not there: STM32POSE_DATA names their folder"
)


@pytest.fixture(scope="module")
def network() -> CompiledNetwork:
    return compile_model(default_model())


@pytest.fixture
def device(network: CompiledNetwork) -> Iterator[HostDevice]:
    """The library is one device: a fresh one per test."""
    with running(network.image) as found:
        yield found


@contextlib.contextmanager
def st_client(device: HostDevice) -> Iterator[StClient]:
    port = SerialPort(device.url, 115200)
    port.open()
    try:
        yield StClient(Link(port, credit_timeout_s=2.0), timeout_s=TIMEOUT_S)
    finally:
        port.close()


@pytest.fixture
def client(device: HostDevice) -> Iterator[StClient]:
    with st_client(device) as found:
        yield found


def picture_input(network: CompiledNetwork, number: int = 0) -> NDArray[np.uint8]:
    picture = load_pictures(default_pictures(), None)[number]
    return input_tensor(picture, network.description)[0]


def by_our_protocol(device: HostDevice, data: bytes, **wanted: bool) -> InferResult:
    transport = serial_transport(device)
    transport.open(TIMEOUT_S)
    try:
        client = PoseClient(transport)
        client.hello()
        client.upload(0, data)
        return client.infer(0, zlib.crc32(data), len(data), outputs=True, timeout_s=TIMEOUT_S, **wanted)
    finally:
        transport.close()


def by_st(device: HostDevice, network: CompiledNetwork, data: bytes) -> InferResult:
    with st_client(device) as client:
        runner = StRunner(client, client.models(), network, board="host", clock_hz=client.sys_info().sclock)
        runner.upload(0, data)
        runner.start_infer(0, zlib.crc32(data), len(data), InferOption.OUTPUTS)
        return runner.finish_infer(TIMEOUT_S)


def assert_equal(ours: InferResult, theirs: InferResult) -> None:
    assert len(ours.outputs) == len(theirs.outputs) > 0
    for one, other in zip(ours.outputs, theirs.outputs, strict=True):
        assert (one.source, one.data.dtype, one.data.shape) == (other.source, other.data.dtype, other.data.shape)
        assert one.data.tobytes() == other.data.tobytes()
    assert np.array_equal(np.asarray(ours.keypoints_norm), np.asarray(theirs.keypoints_norm))
    assert np.array_equal(np.asarray(ours.scores), np.asarray(theirs.scores))


@pytest.mark.parametrize("number", range(2))
def test_the_same_tensors_as_our_protocol(device: HostDevice, network: CompiledNetwork, number: int) -> None:
    data = picture_input(network, number).tobytes()
    assert_equal(by_our_protocol(device, data), by_st(device, network, data))


def test_every_layer_is_the_tensor_of_our_protocol(device: HostDevice, network: CompiledNetwork) -> None:
    data = picture_input(network).tobytes()
    with st_client(device) as client:
        [model] = client.models()
        answer = client.run(model, [data], Run.IO_ONLY | Run.PER_LAYER_WITH_DATA, timeout_s=TIMEOUT_S)
    got = {each.desc.name: each.data.datas for layer in answer.layers for each in layer.tensors}
    ours = by_our_protocol(device, data, intermediates=True)
    compared = {f"tensor_{each.source}": each.data.tobytes() for each in ours.intermediates}
    assert len(answer.layers) == len(network.program.ops)
    assert len(got.keys() & compared.keys()) >= len(network.tensors) - 1  # the input is no layer's
    assert all(got[name] == compared[name] for name in got.keys() & compared.keys())


@needs_data
@pytest.mark.parametrize("file", [MOVENET, YOLO])
def test_st_networks_give_the_same_tensors_as_our_protocol(file: str) -> None:
    assert DATA is not None
    network = compile_model(DATA / "models" / file)
    data = picture_input(network).tobytes()
    with running(network.image) as device:
        assert_equal(by_our_protocol(device, data), by_st(device, network, data))


def test_performance_mode_times_without_tensors(network: CompiledNetwork, client: StClient) -> None:
    [model] = client.models()
    answer = client.run(model, [b"\x80"], Run.PERF | Run.CONST_VALUE, timeout_s=TIMEOUT_S)
    assert [len(each.data.datas) for each in answer.outputs] == [0]
    assert answer.total.duration > 0
    full = client.run(model, [b"\x80" * 27648], timeout_s=TIMEOUT_S)
    constant = client.run(model, [b"\x80"], Run.IO_ONLY | Run.CONST_VALUE, timeout_s=TIMEOUT_S)
    assert constant.outputs[0].data.datas == full.outputs[0].data.datas


# --- what the specification says of mistakes ---


def test_unknown_command(client: StClient) -> None:
    assert client.request_unknown() == Error.INVALID_PARAM
    assert len(client.models()) == 1


def test_wrong_size(network: CompiledNetwork, client: StClient) -> None:
    data = picture_input(network).tobytes()
    [model] = client.models()
    for wrong in (data[:-1], data + b"\0"):
        with pytest.raises(DeviceError, match="INVALID_SIZE"):
            client.run(model, [wrong])
    assert client.run(model, [data]).outputs


class LossyPort(SerialPort):
    """Loses what `lose` says, by the count of writes from now on."""

    lose: tuple[int, int] = (-1, 0)  #: which write, and how many bytes of it

    def write(self, data: bytes, timeout_s: float) -> None:
        which, count = self.lose
        self.lose = (which - 1, count)
        super().write(data[count:] if which == 0 else data, timeout_s)


@pytest.mark.parametrize("packet", [0, 500, 864])
@pytest.mark.parametrize("count", [1, 33])
def test_a_lost_packet(
    device: HostDevice, network: CompiledNetwork, monkeypatch: pytest.MonkeyPatch, packet: int, count: int
) -> None:
    monkeypatch.setattr(exchange, "RESYNC_SILENCE_S", 0.05)
    data = picture_input(network).tobytes()
    port = LossyPort(device.url, 115200)
    port.open()
    try:
        client = StClient(Link(port, credit_timeout_s=0.3), timeout_s=0.5)
        [model] = client.models()
        reference = client.run(model, [data], timeout_s=TIMEOUT_S).outputs[0].data.datas
        port.lose = (packet, count)
        with pytest.raises((TransportTimeout, DeviceError)):
            client.run(model, [data], timeout_s=TIMEOUT_S)
        assert client.run(model, [data], timeout_s=TIMEOUT_S).outputs[0].data.datas == reference
    finally:
        port.close()


def test_memory(network: CompiledNetwork, client: StClient) -> None:
    [model] = client.models()
    flash, arena = model.params[0].addr, model.activations[0].addr
    size = len(network.image)
    assert client.read_memory(flash, 3000) == network.image[:3000]
    assert client.checksum(flash, size) == bsd_checksum(network.image)
    client.write_memory(arena + 5, b"written by a test" * 200)
    assert client.read_memory(arena + 5, 3400) == b"written by a test" * 200
    with pytest.raises(DeviceError, match="INVALID_PARAM"):
        client.write_memory(flash, b"x")


# --- on a board ---


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> SuiteRun:
    options = ["--board=qemu-m55", "--pose-backend=st-validation", "--pose-max-images=1", "--pose-profile", "-rs"]
    # Three more uploads of 864 round trips each say nothing that test_picture's instruction count does not.
    options += ["-k", "not repeatable", "--html=report.html", "--self-contained-html"]
    return run_suite(tmp_path_factory.mktemp("st"), *options)


def only_model(run: SuiteRun) -> dict[str, Any]:
    [model] = run.record["models"]
    return dict(model)


def test_the_suite_is_green_and_says_what_it_skips(suite: SuiteRun) -> None:
    assert suite.exit_code == 0, suite.output
    assert suite.record["verdict"] == "passed"
    for words in ("capability self_test", "capability memory", "capability intermediates", "tells no hash"):
        assert words in suite.output


def test_the_record_says_what_was_asked(suite: SuiteRun, network: CompiledNetwork) -> None:
    jsonschema.validate(suite.record, record_schema())
    model, [board] = only_model(suite), suite.record["boards"]
    assert board["firmware"]["version"] == "ST validation protocol 3.1"
    assert board["firmware"]["backend"].startswith("st-validation, ")
    told = model["device_model"]
    assert (told["macc"], told["nodes"]) == (network.description.macc, len(network.program.ops))
    assert told["signature"] == network.description.sha256
    assert "32 bytes per round trip" in told["limits"]
    assert all(tensor["differing"] == 0 for image in model["images"] for tensor in image["tensors"])
    assert model["accuracy"]["oks_vs_golden"] == 1.0


def test_time_is_that_of_our_protocol(suite: SuiteRun) -> None:
    model = only_model(suite)
    run = PoseRun(Settings(boards=("qemu-m55",)), Path.cwd())
    try:
        device = run.device(run.board("qemu-m55"), "")
        result = device.infer(run.pictures[0], profile=True)
    finally:
        run.close()
    assert model["images"][0]["timing"]["source"] == "icount"
    assert model["images"][0]["timing"]["values"] == [device.values(result.ticks)]
    assert [each["p50"] for each in model["operators"]] == [device.values(ticks) for _, ticks in result.op_ticks]
    assert [each["index"] for each in model["operators"]] == list(range(len(result.op_ticks)))


@needs_data
@pytest.mark.campaign
@pytest.mark.parametrize("board", ["qemu-m55", "qemu-m7"])
def test_st_movenet_on_a_board(board: str, tmp_path: Path) -> None:
    """The output is the golden's to the last bit, as over our own protocol; a picture is 3456 round trips."""
    assert DATA is not None
    model, pictures = DATA / "models" / MOVENET, DATA / "data" / "coco_val2017"
    options = [f"--board={board}", f"--pose-model={model}", f"--pose-images={pictures}", "--pose-max-images=2"]
    runs = [
        only_model(run_suite(tmp_path, *options, f"--pose-backend={backend}", "-k", "test_picture"))
        for backend in ("st-validation", "runtime")
    ]
    for image, ours in zip(runs[0]["images"], runs[1]["images"], strict=True):
        assert image["tensors"] == ours["tensors"]
        assert not any(tensor["differing"] for tensor in image["tensors"])
        assert image["keypoints_device"] == ours["keypoints_device"]
        # What looks for messages between two operators is not the same code: a few of 400 million instructions.
        assert image["timing"]["values"] == pytest.approx(ours["timing"]["values"], rel=1e-6)


def test_a_network_of_another_shape_is_refused(device: HostDevice, client: StClient, network: CompiledNetwork) -> None:
    other = compile_model(default_model())
    tensors = list(other.program.tensors)
    index = other.program.inputs[0]
    tensors[index] = dataclasses.replace(tensors[index], shape=(1, 64, 64, 3))
    wrong = dataclasses.replace(other, program=dataclasses.replace(other.program, tensors=tuple(tensors)))
    with pytest.raises(DeviceError, match=r"does not hold stick_pose_96_int8: .*input 0 is uint8 \[1, 96, 96, 3\]"):
        StRunner(client, client.models(), wrong, board="host", clock_hz=1)
