"""ST's validation protocol against the firmware: every command and mode, every refusal, our own protocol's tensors.

Encoder and decoder are google.protobuf's (st_host.py); what the tensors must be is what our own protocol says.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_stm32pose.firmware.build import FIRMWARE_DIR
from pytest_stm32pose.network.compile import CompiledNetwork, compile_model
from pytest_stm32pose.network.schema import OPERATORS
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.types import InferResult
from tests.firmware import st_host as st
from tests.firmware.host_device import HostDevice, mailbox_transport, running, serial_transport
from tests.firmware.st_host import StHost
from tests.firmware.tiny_network import tiny_network, tiny_picture

TIMEOUT_S = 60.0
LAST, NO_DATA, IN_MEMPOOL = 256, 512, 1024
INPUT, OUTPUT, INTERNAL = 1, 2, 4
RAW_SHAPE = 5 << 24
FORMATS = {0x00821040: "<f4", 0x00040440: "<u1", 0x00840440: "<i1", 0x00840840: "<i2", 0x00841040: "<i4"}


def build(folder: Path, model: bytes, name: str = "tiny") -> CompiledNetwork:
    path = folder / f"{name}.tflite"
    path.write_bytes(model)
    return compile_model(path)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> CompiledNetwork:
    return build(tmp_path_factory.mktemp("st"), tiny_network())


@pytest.fixture
def device(network: CompiledNetwork) -> Iterator[HostDevice]:
    with running(network.image) as started:
        yield started


@pytest.fixture(params=st.VERSIONS)
def generation(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@contextmanager
def connected(device: HostDevice, generation: str = "A") -> Iterator[StHost]:
    host = StHost(device.url, TIMEOUT_S, generation)
    try:
        yield host
    finally:
        host.close()


@pytest.fixture
def host(device: HostDevice, generation: str) -> Iterator[StHost]:
    with connected(device, generation) as started:
        yield started


def ours(device: HostDevice, picture: bytes) -> InferResult:
    """What our own protocol says of a picture, on the same serial port."""
    link = serial_transport(device)
    link.open(TIMEOUT_S)
    with closing(link):
        client = PoseClient(link)
        client.hello()
        client.upload(0, picture)
        crc = zlib.crc32(picture)
        result = client.infer(0, crc, len(picture), outputs=True, intermediates=True, profile=True)
        assert (client.repeated_requests, client.damaged_answers) == (0, 0)
        client.memory()
        assert client.dropped_frames == 0, "packets of ST's were counted as torn frames"
        return result


def array(tensor: Any) -> np.ndarray[Any, Any]:
    """A tensor message's data in the shape and type that its description says."""
    assert tensor.desc.n_dims == RAW_SHAPE | len(tensor.desc.dims)
    assert tensor.data.size == len(tensor.data.datas)
    data = np.frombuffer(tensor.data.datas, FORMATS[tensor.desc.format])
    assert data.size == tensor.desc.size
    return data.reshape(tuple(tensor.desc.dims))


def test_who_is_there(host: StHost) -> None:
    answer = host.ask(st.SYNC)
    assert answer.state == st.IDLE
    assert (answer.sync.version, answer.sync.capability, answer.sync.rtid) == (0x301, 1 | 8, 2 | 1 << 16)
    assert answer.sync.version <= st.VERSIONS[host.generation], "a runner refuses what is newer than itself"
    answer = host.ask(st.SYS_INFO)
    assert (answer.state, answer.sinfo.devid, answer.sinfo.sclock) == (st.IDLE, 0, 1_000_000_000)
    assert answer.sinfo.hclock == answer.sinfo.sclock
    assert len(answer.sinfo.extra) == 3
    assert (answer.sinfo.cache, getattr(answer.sinfo, "com_param", 0)) == (0, 0)  # this computer; packets stay short
    assert host.credits == 0


def test_network_info(host: StHost, network: CompiledNetwork) -> None:
    info, wanted = host.info(), network.description
    assert (info.name, info.signature) == (wanted.name, wanted.sha256)
    assert (info.n_macc, info.n_nodes, info.rtid) == (wanted.macc, len(network.program.ops), 2 | 1 << 16)
    assert (info.n_inputs, info.n_outputs, info.n_activations, info.n_params) == (1, 1, 1, 1)
    picture, output = info.inputs[0], info.outputs[0]
    assert (tuple(picture.dims), FORMATS[picture.format], picture.flags) == ((1, 6, 8, 3), "<u1", INPUT | LAST)
    assert (picture.scale, picture.zeropoint) == (pytest.approx(1 / 255), 0)
    assert (tuple(output.dims), FORMATS[output.format]) == ((1, 8, 10, 4), "<f4")
    assert (output.size, output.scale, output.flags) == (320, 0.0, OUTPUT | LAST | IN_MEMPOOL)
    assert info.activations[0].size == wanted.activation_bytes
    assert info.params[0].size == len(network.image)
    assert info.runtime_version == 1 << 16
    if host.generation == "C":
        assert info.n_install_time == 0
        assert 0 < info.n_init_time < 60_000
    assert len(info.runtime_desc) < 64
    int(info.runtime_desc.split()[-1], 16)  # ST's runner shows it as the build
    for index in (1, 2, 0xFFFFFFFF):
        answer = host.ask(st.NETWORK_INFO, index)
        assert (host.refused(answer), answer.ack.param) == (st.INVALID_PARAM, st.INVALID_PARAM)


def test_negative_zero_points_and_int8(tmp_path: Path) -> None:
    with running(build(tmp_path, tiny_network(int8_output=True)).image) as device, connected(device) as host:
        output = host.info().outputs[0]
        assert (output.format, output.scale, output.zeropoint) == (0x00840440, 1 / 256, -128)
        picture = tiny_picture().tobytes()
        _, _, outputs = host.run("tiny", picture)
        host.close()
        assert np.array_equal(array(outputs[0]), ours(device, picture).outputs[0].data)


@pytest.mark.parametrize("mode", [st.IO_ONLY, st.PER_LAYER, st.WITH_DATA], ids=["io", "layers", "data"])
def test_runs_give_the_same_tensors_as_our_protocol(
    device: HostDevice, network: CompiledNetwork, mode: int, generation: str
) -> None:
    picture = tiny_picture(mode).tobytes()
    with connected(device, generation) as host:
        layers, whole, outputs = host.run("tiny", picture, mode, opt=1)
    expected = ours(device, picture)
    assert [array(tensor).tobytes() for tensor in outputs] == [tensor.data.tobytes() for tensor in expected.outputs]
    assert (whole.name, whole.type, whole.counter_type) == ("tiny", 0, 0)
    ticks = whole.counters[0] | whole.counters[1] << 32
    assert whole.duration == pytest.approx(ticks / 1e6, rel=1e-6)
    if mode == st.IO_ONLY:
        assert layers == []
        return
    ops = network.program.ops
    assert [op.name for op, _ in layers] == [f"{OPERATORS[op.opcode].lower()}_{op.index}" for op in ops]
    assert [op.type & 0xFFFFFF for op, _ in layers] == [op.opcode for op in ops]
    assert [op.type >> 24 & 2 for op, _ in layers] == [0] * (len(ops) - 1) + [2]
    assert sum(op.counters[0] for op, _ in layers) == ticks
    tensors = {tensor.desc.name: tensor for _, group in layers for tensor in group}
    assert set(tensors) == {f"tensor_{tensor.source}" for tensor in expected.intermediates}
    for tensor in expected.intermediates:
        message = tensors[f"tensor_{tensor.source}"]
        assert message.desc.flags & ~NO_DATA == INTERNAL | LAST | IN_MEMPOOL
        if mode == st.WITH_DATA:
            assert np.array_equal(array(message), tensor.data)
        else:
            assert (message.data.datas, message.desc.flags & NO_DATA) == (b"", NO_DATA)


def test_the_default_network(fixtures_dir: Path, generation: str) -> None:
    network = compile_model(fixtures_dir / "models" / "stick_pose_96_int8.tflite")
    picture = np.random.default_rng(7).integers(0, 256, network.description.input_shape, np.uint8).tobytes()
    with running(network.image) as device:
        with connected(device, generation) as host:
            info = host.info()
            _, whole, outputs = host.run(info.name, picture, st.WITH_DATA)
            packets = -(-(len(picture) + 11) // 32)
            assert host.credits == packets - 1, "one for each packet but a message's last"
        expected = ours(device, picture)
    assert array(outputs[0]).tobytes() == expected.outputs[0].data.tobytes()
    assert whole.duration > 0


def test_performance_mode_moves_one_value_and_no_tensor(device: HostDevice, generation: str) -> None:
    with connected(device, generation) as host:
        layers, whole, outputs = host.run("tiny", b"\x37", st.PERF | st.CONST_VALUE)
        assert (layers, [bytes(tensor.data.datas) for tensor in outputs]) == ([], [b""])
        assert outputs[0].desc.flags & NO_DATA
        assert whole.counters[0] > 0
        layers, _, _ = host.run("tiny", b"\x37", st.PERF | st.PER_LAYER | st.WITH_DATA | st.CONST_VALUE)
        assert {bytes(tensor.data.datas) for _, group in layers for tensor in group} == {b""}
        _, _, outputs = host.run("tiny", b"\x37", st.IO_ONLY | st.CONST_VALUE)
    assert np.array_equal(array(outputs[0]), ours(device, b"\x37" * 144).outputs[0].data)


def test_unknown_commands(host: StHost) -> None:
    """ST's runner has a test of its own for it (CMD_TEST_UNSUPPORTED), and wants INVALID_PARAM."""
    disconnect = [st.DISCONNECT] if host.generation == "A" else []
    for command in (*disconnect, 3, 12, 30, 100, 200, 0x7FFFFFFF):
        answer = host.ask(command)
        assert (host.refused(answer), answer.ack.param) == (st.INVALID_PARAM, st.INVALID_PARAM)
    assert host.ask(st.SYNC).state == st.IDLE


@pytest.mark.parametrize("generation", ["B", "C"])
def test_a_host_that_disconnects_is_not_answered(host: StHost) -> None:
    """It waits for nothing; the next one, of any generation, finds nothing left over."""
    for at_work in (False, True):
        if at_work:
            host.start_run("tiny", st.IO_ONLY)
        host.reqid += 1
        host.send(st.request(host.reqid, st.DISCONNECT))
        assert host.silent()
        assert host.ask(st.SYNC).state == st.IDLE


def test_an_input_that_is_in_its_place_already(device: HostDevice, generation: str) -> None:
    """DIRECT_WRITE: one element comes, and it is not the input."""
    picture = tiny_picture().tobytes()
    with connected(device, generation) as host:
        for mode in (st.DIRECT_WRITE, st.DIRECT_WRITE | st.CONST_VALUE):
            host.write_memory(host.info().inputs[0].addr, picture)
            _, _, outputs = host.run("tiny", b"\x99", st.IO_ONLY | mode)
            data = array(outputs[0])
            assert host.start_run("tiny", st.IO_ONLY | mode).param == 1
            host.send(st.data_message(picture))
            assert host.refused(host.receive()) == st.INVALID_SIZE
    assert np.array_equal(data, ours(device, picture).outputs[0].data)


@pytest.mark.parametrize(
    ("name", "mode"),
    [("tinY", 1), ("", 1), ("tiny2", 1), ("tin", 1), ("x" * 63, 1), ("x" * 200, 1), ("tiny", 2048)],
    ids=["other", "none", "longer", "shorter", "63", "200", "direct read"],
)
def test_runs_that_are_refused(host: StHost, name: str, mode: int) -> None:
    answer = host.ask(st.NETWORK_RUN, mode, name)
    assert (host.refused(answer), answer.ack.param) == (st.INVALID_PARAM, st.INVALID_PARAM)
    assert host.ask(st.SYNC).state == st.IDLE


@pytest.mark.parametrize(
    ("data", "size"),
    [(b"", None), (bytes(143), None), (bytes(145), None), (bytes(5000), None), (bytes(144), 143), (bytes(1), None)],
    ids=["empty", "short", "long", "very long", "size", "one"],
)
def test_inputs_of_the_wrong_size(host: StHost, data: bytes, size: int | None) -> None:
    host.start_run("tiny", st.IO_ONLY)
    host.send(st.data_message(data, size))
    assert host.refused(host.receive()) == st.INVALID_SIZE
    host.run("tiny", bytes(144))


def test_messages_out_of_turn(host: StHost) -> None:
    host.start_run("tiny", st.IO_ONLY)
    host.send(st.ack_message())
    assert host.refused(host.receive()) == st.INVALID_STATE
    host.start_run("tiny", st.IO_ONLY)
    host.send(st.data_message(bytes(144)))
    assert host.receive().state == st.PROCESSING
    host.send(st.data_message(bytes(144)))
    assert host.refused(host.receive()) == st.INVALID_STATE
    host.start_run("tiny", st.IO_ONLY)
    assert host.ask(st.SYNC).state == st.IDLE, "a request in the middle of a command starts anew"
    host.run("tiny", bytes(144))


@pytest.mark.parametrize(
    "message",
    [b"\x08\x01\x10\x04\x18", b"\x08\x01\x10\x02\x08\x01", b"\x0d\0\0\0\0", b"\x08" + b"\xff" * 10, b"\x22\x7f1234",
     b"\x08\x01\x10\x04\x18\x00\x22\x041234\x30\x00"],
    ids=["cut", "twice", "type", "varint", "length", "field"],
)  # fmt: skip
def test_malformed_messages_in_a_command(host: StHost, message: bytes) -> None:
    host.start_run("tiny", st.IO_ONLY)
    host.send(message)
    assert host.refused(host.receive()) == st.INVALID_FORMAT
    host.run("tiny", bytes(144))


def test_a_host_that_does_not_want_the_run(host: StHost) -> None:
    host.start_run("tiny", st.IO_ONLY)
    host.send(st.data_message(bytes(144)))
    assert host.receive().state == st.PROCESSING
    host.send(st.ack_message(error=10))
    assert host.ask(st.SYNC).state == st.IDLE


def test_without_a_network() -> None:
    with running() as device, connected(device) as host:
        answer = host.ask(st.NETWORK_INFO)
        assert (host.refused(answer), answer.ack.param) == (10, 8)  # generic; our NO_NETWORK
        assert host.refused(host.ask(st.NETWORK_RUN, 1, "tiny")) == st.UNINITIALIZED
        assert host.ask(st.SYNC).state == st.IDLE


@pytest.mark.parametrize("size", [1, 32, 1023, 1024, 1025, 5000])
def test_memory_is_written_and_read(host: StHost, size: int) -> None:
    info = host.info()
    data = np.random.default_rng(size).integers(0, 256, size, np.uint8).tobytes()
    for address in (info.activations[0].addr + 4096, info.inputs[0].addr):
        host.write_memory(address, data)
        assert host.read_memory(address, size) == data
        answer = host.ask(st.MEMORY_CHECKSUM, address, opt=size)
        assert (answer.state, answer.ack.param, answer.ack.error) == (st.DONE, st.bsd(data), 0)


def test_the_flashed_network_can_be_read(host: StHost, network: CompiledNetwork) -> None:
    params = host.info().params[0]
    assert host.read_memory(params.addr, params.size) == network.image
    assert host.ask(st.MEMORY_CHECKSUM, params.addr, opt=params.size).ack.param == st.bsd(network.image)


@pytest.mark.parametrize("command", [st.MEMORY_READ, st.MEMORY_WRITE, st.MEMORY_CHECKSUM])
def test_memory_that_is_not_given_away(host: StHost, command: int) -> None:
    arena = host.info().activations[0].addr
    end = arena + (4 << 20)
    for address, size in ((0x10, 4), (arena, (4 << 20) + 1), (end - 4, 0xFFFFFFFF), (arena, 0xFFFFFFFF)):
        assert host.refused(host.ask(command, address, opt=size)) == st.INVALID_PARAM
    assert host.refused(host.ask(command, arena, opt=0)) == st.INVALID_SIZE


def test_flash_is_not_written(host: StHost) -> None:
    assert host.refused(host.ask(st.MEMORY_WRITE, host.info().params[0].addr, opt=4)) == st.INVALID_PARAM


@pytest.mark.parametrize(("size", "field"), [(1025, None), (0, None), (7, 8)], ids=["over the chunk", "empty", "size"])
def test_memory_chunks_of_the_wrong_size(host: StHost, size: int, field: int | None) -> None:
    address = host.info().activations[0].addr
    assert host.ask(st.MEMORY_WRITE, address, opt=3000).ack.param == 1024
    host.send(st.data_message(bytes(size), field))
    assert host.refused(host.receive()) == st.INVALID_SIZE
    host.write_memory(address, b"well")


def test_a_read_that_is_not_wanted_any_more(host: StHost) -> None:
    assert host.ask(st.MEMORY_READ, host.info().activations[0].addr, opt=5000).state == st.PROCESSING
    assert host.receive().state == st.PROCESSING
    host.send(st.ack_message(error=10))
    assert host.ask(st.SYNC).state == st.IDLE


def test_an_uploaded_picture_is_void_after_a_run(device: HostDevice) -> None:
    """The slot holds ST's input then: an INFER must not take it for the picture that was uploaded."""
    picture = tiny_picture().tobytes()
    link = mailbox_transport(device)
    link.open(TIMEOUT_S)
    with closing(link), connected(device) as host:
        client = PoseClient(link)
        client.hello()
        client.upload(0, picture)
        host.start_run("tiny", st.IO_ONLY)
        client.upload(0, picture)  # the other host takes the slot back
        host.send(st.data_message(bytes(144)))
        assert host.refused(host.receive()) == st.INVALID_STATE
        host.run("tiny", bytes(144))
        with pytest.raises(Exception, match="slot"):
            client.infer(0, zlib.crc32(picture), len(picture))


def test_a_big_request_id_and_address(host: StHost) -> None:
    host.reqid = 0xFFFFFFFE
    assert host.ask(st.SYNC).reqid == 0xFFFFFFFF
    host.reqid = 0
    assert host.refused(host.ask(st.MEMORY_READ, 0xFFFFFFFF, "n" * 40, 0xFFFFFFFF)) == st.INVALID_PARAM


@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed")
def test_a_board_can_be_built_without_it(tmp_path: Path) -> None:
    """Nothing of it is compiled then, and nothing asks for it."""
    toolchain = FIRMWARE_DIR / "toolchain" / "arm-none-eabi.cmake"
    definitions = {"CMAKE_TOOLCHAIN_FILE": str(toolchain), "POSE_BOARD": "qemu/mps2_an500", "POSE_ST_VALIDATION": "OFF"}
    arguments = [f"-D{key}={value}" for key, value in definitions.items()]
    subprocess.run(["cmake", "-S", FIRMWARE_DIR, "-B", tmp_path, "-G", "Ninja", *arguments], check=True)
    objects = [f"CMakeFiles/pose_runner.dir/{name}.c.obj" for name in ("app/app", "app/info", "protocol/serial_link")]
    subprocess.run(["ninja", "-C", tmp_path, *objects], check=True)
    listed = subprocess.run(
        ["arm-none-eabi-nm", *objects], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout
    assert "pose_app_poll" in listed
    assert not re.search(r"pose_(app_)?st_", listed)
    assert not re.search(r"(app|protocol)/st_\w+\.c", (tmp_path / "build.ninja").read_text())
