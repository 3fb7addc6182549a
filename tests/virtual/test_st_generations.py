"""--pose-backend=st-validation against a board with ST's firmware of each generation: the record is exact.

The board is a double (tests/support/st_double.py) that computes the default network with LiteRT's reference kernels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from pytest_stm32pose.errors import DeviceError, ProtocolError, TransportTimeout
from pytest_stm32pose.golden.engine import GoldenEngine
from pytest_stm32pose.models.zoo import default_model
from pytest_stm32pose.network.compile import CompiledNetwork, compile_model
from pytest_stm32pose.record.read import record_schema
from pytest_stm32pose.run.session import PoseRun
from pytest_stm32pose.settings import ST_BACKEND, Settings
from tests.support.st_double import Model, StDouble, Tensor
from tests.support.st_ports import on_socket
from tests.virtual.suite_run import SuiteRun, run_suite

FLAGS = 1 << 30 | 1 << 27 | 1 << 24
WORDS = {"uint8": 0x00040440, "int8": 0x00840440, "float32": 0x00821040}
UND, NPU_COUNTERS = 0, 5


@pytest.fixture(scope="module")
def network() -> CompiledNetwork:
    return compile_model(default_model())


@pytest.fixture(scope="module")
def model(network: CompiledNetwork) -> Model:
    """The default network as an N6's firmware describes it: flags in the formats, shapes of no stated order."""
    engine = GoldenEngine(default_model())
    graph = network.graph

    def tensor(index: int) -> Tensor:
        found = graph.tensors[index]
        scale, zero = found.quantization.scale, found.quantization.zero_point
        quantised = (float(scale[0]), int(zero[0])) if scale.size else (0.0, 0)
        size = np.dtype(found.dtype).itemsize
        return Tensor(found.name[:60], WORDS[found.dtype] | FLAGS, found.shape, UND, *quantised, size)

    def compute(inputs: Sequence[bytes]) -> list[bytes]:
        shape = graph.tensors[graph.inputs[0]]
        picture = np.frombuffer(inputs[0], shape.dtype).reshape(shape.shape)
        return [each.data.tobytes() for each in engine.run(picture).outputs]

    inputs = tuple(tensor(index) for index in graph.inputs)
    return Model("network", inputs, tuple(tensor(index) for index in graph.outputs), compute)


def on_n6(folder: Path, url: str, *options: str) -> SuiteRun:
    chosen = ("--board=n6", "--pose-backend=st-validation", f"--pose-serial={url}", "--pose-max-images=2")
    return run_suite(folder, *chosen, "-k", "test_picture", "-rs", *options)


@pytest.mark.parametrize(("generation", "com_param"), [("A", 0), ("B", 0), ("C", 0), ("C", 4094)])
def test_the_record_is_exact(tmp_path: Path, model: Model, generation: str, com_param: int) -> None:
    device = StDouble(generation, models=(model,), com_param=com_param, logs=5, counters=NPU_COUNTERS)
    with on_socket(device) as url:
        run = on_n6(tmp_path, url, "--pose-budget=tensor_lsb_max=0", "--pose-profile")
    assert run.exit_code == 0, run.output
    jsonschema.validate(run.record, record_schema())
    [board], [entry] = run.record["boards"], run.record["models"]
    version = "3.2" if generation == "C" else "3.1"
    assert board["firmware"]["version"] == f"ST validation protocol {version}"
    assert board["caches"] == "data and instruction"
    assert board["clock_hz"] == 800_000_000
    told = entry["device_model"]
    assert told["protocol"] == f"ST validation {version}"
    assert f"{com_param or 32} bytes per round trip" in told["limits"]
    assert (entry["activation_bytes"], entry["weights_bytes"]) == (5000, 7000)
    assert all(tensor["differing"] == 0 for image in entry["images"] for tensor in image["tensors"])
    assert entry["accuracy"]["oks_vs_golden"] == 1.0
    # Five counters are an NPU's: the whole run's cycles are made of its duration.
    assert [image["timing"]["values"] for image in entry["images"]] == [[80_000], [80_000]]
    assert len(entry["operators"]) == model.layers
    assert device.is_between_messages
    assert device.commands[-1] == 2 if generation == "C" else 2 not in device.commands


def bench(url: str, folder: Path) -> PoseRun:
    return PoseRun(Settings(boards=("n6",), backend=ST_BACKEND, serial_url=url), folder)


def test_a_board_that_is_flashed_with_another_generation_between_two_runs(tmp_path: Path, model: Model) -> None:
    devices = [StDouble(generation, models=(model,)) for generation in "BACB"]

    class Board:
        def feed(self, data: bytes, *, transfer_ends: bool = False) -> bytes:
            return devices[0].feed(data, transfer_ends=transfer_ends)

    seen = []
    with on_socket(Board()) as url:
        while devices:
            run = bench(url, tmp_path)
            device = run.device(run.board("n6"), "")
            result = device.infer(run.pictures[0])
            seen.append([each.data.tobytes() for each in result.outputs])
            run.close()
            devices.pop(0)
    assert len(seen) == 4
    assert all(each == seen[0] for each in seen)


@pytest.mark.parametrize(
    ("device", "error", "words"),
    [
        (StDouble("B", com_param=5000), ProtocolError, "asks for packets of 5000 bytes"),
        (StDouble("C", models=()), DeviceError, r"no network that works \(INVALID_PARAM\)"),
        (
            StDouble("B", models=(Model("x", (Tensor("in", 0x00123456, (1, 4)),), (), lambda _: []),)),
            ProtocolError,
            "Tensor 'in' of the device has the unknown format 0x00123456",
        ),
    ],
)
def test_one_sentence_each(tmp_path: Path, device: StDouble, error: type[Exception], words: str) -> None:
    with on_socket(device) as url:
        run = bench(url, tmp_path)
        with pytest.raises(error, match=words) as caught:
            run.device(run.board("n6"), "")
        run.close()
    assert "\n" not in str(caught.value)


def test_what_was_heard_instead_is_in_the_sentence(tmp_path: Path) -> None:
    class Log:
        def feed(self, data: bytes, *, transfer_ends: bool = False) -> bytes:
            return b"I (1234) app: heap 42 bytes\r\n" if transfer_ends else b""

    with on_socket(Log()) as url:
        run = bench(url, tmp_path)
        with pytest.raises(
            TransportTimeout, match=r"nothing answers ST's SYNC at 921600 or 115200 baud: .*bytes of text"
        ):
            run.board("n6")
        run.close()


@pytest.mark.parametrize("generation", "ABC")
def test_an_interrupted_upload_leaves_a_board_that_waits(tmp_path: Path, model: Model, generation: str) -> None:
    device = StDouble(generation, models=(model,))
    with on_socket(device) as url:
        run = bench(url, tmp_path)
        found = run.device(run.board("n6"), "")
        client = run.board("n6").runner._client  # type: ignore[attr-defined]
        [told] = client.models()
        client.start_run(told, [bytes(math.prod(found.network.graph.tensors[found.network.graph.inputs[0]].shape))])
        run.close()  # its answer was not taken
        again = bench(url, tmp_path)
        assert again.device(again.board("n6"), "").infer(again.pictures[0]).outputs
        again.close()
