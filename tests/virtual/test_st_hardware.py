"""--pose-backend=st-validation as a bench sees it: a board on a serial port, no probe, nothing to flash.

The board is our firmware on the host behind a socket; its time is the host's, so nothing is asked of it here.
"""

from __future__ import annotations

import socket
from pathlib import Path

import jsonschema
import pytest

from pytest_stm32pose.bench import st
from pytest_stm32pose.errors import (
    ConfigError,
    DeviceError,
    ModelError,
    PoseError,
    ProtocolError,
    TransportError,
    TransportTimeout,
)
from pytest_stm32pose.models.zoo import default_model
from pytest_stm32pose.network.compile import compile_bytes, compile_model
from pytest_stm32pose.protocol.st_validation import exchange
from pytest_stm32pose.record.read import record_schema
from pytest_stm32pose.run.inputs import RunInputs
from pytest_stm32pose.run.session import PoseRun
from pytest_stm32pose.settings import ST_BACKEND, Settings
from tests.firmware.host_device import running
from tests.firmware.tiny_network import tiny_network
from tests.support import st_device
from tests.support.tflite_builder import OpSpec, TensorSpec, build_model
from tests.virtual.suite_run import SuiteRun, run_suite


def on_h7(folder: Path, url: str, *options: str) -> SuiteRun:
    return run_suite(folder, "--board=h7", "--pose-backend=st-validation", f"--pose-serial={url}", "-rs", *options)


def test_a_board_without_a_probe(tmp_path: Path) -> None:
    with running(compile_model(default_model()).image) as device:
        run = on_h7(
            tmp_path,
            device.url,
            "--pose-max-images=2",
            "--pose-profile",
            "--pose-budget=tensor_lsb_max=0",
            "--pose-budget=activation_kib_max=80",
            "-k",
            "not repeatable",
        )
    assert run.exit_code == 0, run.output
    jsonschema.validate(run.record, record_schema())
    [board], [model] = run.record["boards"], run.record["models"]
    assert (board["kind"], board["probe_uid"], board["firmware"]["path"]) == ("hardware", None, None)
    assert board["flash"]["bytes_written"] == 0
    assert board["clock_hz"] == model["latency"]["clock_hz"] == 1_000_000_000  # as the firmware says, not the catalog
    assert (model["latency"]["source"], model["latency"]["unit"]) == ("dwt", "cycles")
    assert model["latency"]["ms_p50"] == model["latency"]["p50"] / 1e6
    assert model["latency"]["n"] == 2  # the runs that gave the tensors; another one would be another upload
    assert model["activation_bytes"] == model["device_model"]["activation_bytes"] > 0
    assert [each["name"] for each in model["operators"][:2]] == ["quantize_0", "conv_2d_1"]
    assert all(budget["passed"] for budget in model["budgets"])
    assert "nothing was flashed" in run.output


def test_another_network_is_refused(tmp_path: Path) -> None:
    with running(compile_bytes(tiny_network(), "tiny").image) as device:
        run = on_h7(tmp_path, device.url, "--pose-max-images=1", "-k", "test_picture")
    assert run.exit_code == 1
    assert run.record["verdict"] == "failed"
    [reason] = run.record["reasons"]
    assert reason.startswith("The firmware of h7 does not hold stick_pose_96_int8: of 'tiny', ")


def test_a_port_where_nobody_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(st, "FIRST_ANSWER_S", 0.1)
    monkeypatch.setattr(exchange, "RESYNC_SILENCE_S", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"socket://127.0.0.1:{mute.getsockname()[1]}"
        run = PoseRun(Settings(boards=("h7",), backend=ST_BACKEND, serial_url=url), tmp_path)
        for _ in range(2):  # remembered: the second test on the board does not wait again
            with pytest.raises(TransportTimeout, match=f"{url}: nothing answers ST's SYNC at 115200 or 921600 baud"):
                run.board("h7")
        run.close()


def test_networks_of_other_operators_than_ours(tmp_path: Path) -> None:
    picture = TensorSpec("picture", "uint8", (1, 4, 6, 3), (1 / 255,), (0,))
    floats = [TensorSpec(name, "float32", (1, 4, 6, 3)) for name in ("real", "maps")]
    ops = [OpSpec("DEQUANTIZE", (0,), (1,)), OpSpec("COS", (1,), (2,))]
    file = tmp_path / "cosine.tflite"
    file.write_bytes(build_model([picture, *floats], ops, [0], [2]))
    inputs = RunInputs(Settings(boards=("h7",), backend=ST_BACKEND, family="heatmap"), tmp_path)
    assert inputs.network(str(file)).description.family == "heatmap"
    for boards, backend in ((("qemu-m55",), ST_BACKEND), (("h7",), "runtime")):
        settings = Settings(boards=boards, backend=backend, family="heatmap")
        with pytest.raises(ModelError, match="COS"):
            RunInputs(settings, tmp_path).network(str(file))


@pytest.mark.parametrize(
    ("behaviour", "board", "error", "words"),
    [
        ("", "h7", DeviceError, "runs on a chip with the device id 0x486, h7 has 0x450"),
        ("no-clock", "n6", DeviceError, "says that its clock is 0 Hz"),
        ("version", "n6", ProtocolError, r"speaks version 2\.0 of ST's protocol"),
        ("no-model", "n6", DeviceError, "no network that works"),
        ("bad-model", "n6", ProtocolError, "Tensor 'input' of the device has the unknown format 0x12345678"),
        (
            "two-inputs",
            "n6",
            DeviceError,
            "does not hold stick_pose_96_int8: of 'network', 2 inputs, the .tflite has 1",
        ),
    ],
)
def test_the_wrong_device(tmp_path: Path, behaviour: str, board: str, error: type[PoseError], words: str) -> None:
    with st_device.running() as device:
        device.behaviour = behaviour
        run = PoseRun(Settings(boards=(board,), backend=ST_BACKEND, serial_url=device.url), tmp_path)
        with pytest.raises(error, match=words):
            run.device(run.board(board), "")
        run.close()


def test_a_port_that_goes_away(tmp_path: Path) -> None:
    network = compile_model(default_model())
    with running(network.image) as device:
        run = PoseRun(Settings(boards=("h7",), backend=ST_BACKEND, serial_url=device.url), tmp_path)
        session = run.board("h7")
        found = run.device(session, "")
        for asked in (found, session):
            with pytest.raises(ConfigError, match=r"Mark the test with pose_board\(capability=\.\.\.\)"):
                _ = asked.client
    with pytest.raises(TransportError, match=f"{device.url} "):
        found.infer(run.pictures[0])
    run.close()


def test_options_that_contradict(tmp_path: Path) -> None:
    run = run_suite(tmp_path, "--board=qemu-m55", "--pose-backend=st-validation", "--pose-transport=swd")
    assert run.exit_code == 4
    assert "ST's validation protocol runs over the serial port, not over --pose-transport=swd." in run.output
