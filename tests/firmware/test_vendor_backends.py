"""The vendor backends over stand-ins of ST's headers: net.h's contract, sessions with the client, what is refused."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shutil
import subprocess
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from pytest_stm32pose.boards.catalog import boards
from pytest_stm32pose.errors import ConfigError, DeviceError
from pytest_stm32pose.families import Meaning, decode_raw
from pytest_stm32pose.families.heatmap import Heatmap
from pytest_stm32pose.firmware.build import FIRMWARE_DIR, build_firmware, build_host_library
from pytest_stm32pose.firmware.generated import GeneratedNetwork
from pytest_stm32pose.network.image import pack_decoding
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.protocol.messages import Capability, InferOption
from pytest_stm32pose.types import Layout
from tests.firmware.host_device import MAILBOX, SANITIZE, mailbox_transport, running
from tests.firmware.image_facts import Area, read_facts
from tests.firmware.runtime_host import HostNet
from tests.firmware.test_runtime import reference
from tests.firmware.vendor_network import APIS, FOLDER, INPUT_SHAPE, NPU, OUTPUT_SHAPE, TABLE, generated, vendor_model

HANG = 6  # of standin.h's faults: the NPU's interrupt never comes
N6, F405 = "stm32n6/n6570_dk", "stm32f4/f405"
OK, PARAM, STATE, NO_NETWORK, IMAGE, MEMORY, INTERNAL = 0, -3, -6, -8, -9, -11, -13
ARENA_BYTES = 1 << 20
#: What each API tells of the nodes.
NAMES = {
    "stai": ["node 1", "node 3", "node 4", "node 5"],
    "legacy": ["node 1", "node 2", "node 3", "node 4"],
    **{key: ["epoch 1 (npu)", "epoch 2 (npu and cpu)", "epoch 5 (cpu)"] for key in NPU},
}
ARENA = {"stai": 14400 + 1872, "legacy": 6912 + 576 + 6912 + 1872, **dict.fromkeys(NPU, 1872)}


@cache
def library(api: str) -> Path:
    sanitize = os.environ.get(SANITIZE) == "1"
    path = build_host_library("ref", sanitize, backend=APIS[api], network=generated(api))
    if api in NPU:  # what the flash loader does on a board
        (ctypes.c_char * 256).in_dll(ctypes.CDLL(str(path)), "standin_flash").raw = TABLE
    return path


@pytest.fixture(params=APIS)
def api(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def net(api: str) -> HostNet:
    net = HostNet(library(api), ARENA_BYTES)
    assert net.open(b"") == OK
    return net


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, INPUT_SHAPE, np.uint8)


def test_describes_the_network(api: str, net: HostNet) -> None:
    info = net.info()
    assert info.name == (b"Default" if api == "aton" else b"network")
    assert bytes(info.model_sha256[:32]).hex() == generated(api).sha256
    assert (info.family, info.keypoints, info.output_count) == (1, 13, 1)
    assert (info.image_bytes, info.op_count) == (256, len(NAMES[api]))
    source = info.input.contents
    assert (source.dtype, source.rank, source.bytes, source.zero_point) == (2, 4, 48 * 48 * 3, 0)
    assert tuple(source.dims[:4]) == INPUT_SHAPE
    assert source.scale == pytest.approx(1 / 255)
    assert info.arena_bytes - ARENA[api] in range(32 * 4), "the arena is used for more than the network asks"
    assert net.failed_op == -1


def test_gives_the_references_bits(net: HostNet) -> None:
    for seed in range(3):
        given = picture(seed)
        assert net.run(given).status == OK
        output = net.output(0)
        assert not isinstance(output, int)
        np.testing.assert_array_equal(output, reference(vendor_model(), given)(6))
        np.testing.assert_array_equal(net.decode(), Heatmap().decode([output], 13))
    assert net.guard_intact
    assert net.output(1) == PARAM


def test_is_decoded_as_the_host_says(net: HostNet) -> None:
    """Until then as the output's shape suggests; a field that decoders could not take changes nothing."""
    meaning = Meaning("landmarks", 13, Layout(3, pixels=True, input_size=(48, 48)))
    wanted = pack_decoding(*meaning)
    assert net.set_decoding(b"\x0a" + wanted[1:]) == PARAM
    assert net.info().family == 1
    assert net.set_decoding(wanted) == OK
    assert (net.info().family, net.info().keypoints) == (7, 13)
    assert net.run(picture(3)).status == OK
    output = net.output(0)
    assert not isinstance(output, int)
    found, _ = decode_raw(meaning, [output], [(1 / 255, -128)])
    np.testing.assert_array_equal(net.decode(), found)


def test_every_node_is_told_with_its_time(api: str, net: HostNet) -> None:
    run = net.run(picture(1))
    assert [source for source, _ in run.op_ticks] == list(range(len(NAMES[api])))
    assert sum(ticks for _, ticks in run.op_ticks) == run.ticks > 0
    assert run.tensors == {}, "a linked network has no tensors of the .tflite between input and output"


def test_a_hook_that_gives_up_fails_the_run(net: HostNet) -> None:
    told: list[int] = []

    def stop(op_index: int) -> int:
        told.append(op_index)
        return STATE

    assert net.run(picture(1), stop=stop).status == STATE
    assert told == [0], "it was asked again"
    assert net.run(picture(2)).status == OK


def test_opens_again_and_starts_with_a_clean_arena(api: str, net: HostNet) -> None:
    before = net.info().arena_bytes
    net.run(picture(1))
    assert before - 32 <= net.high_water <= before
    assert net.open(b"") == OK
    assert net.info().arena_bytes == before
    assert net.run(picture(2)).status == OK


def test_too_small_an_arena_is_refused(api: str) -> None:
    net = HostNet(library(api), 1024)
    assert net.open(b"") == MEMORY
    with pytest.raises(RuntimeError, match=str(STATE)):
        net.info()
    assert net.run(picture(1)).status == STATE
    assert net.guard_intact


@contextlib.contextmanager
def fault(api: str, number: int) -> Iterator[HostNet]:
    """The stand-in with one of standin.h's faults."""
    path = library(api)
    switch = ctypes.c_int.in_dll(ctypes.CDLL(str(path)), "standin_fault")
    switch.value = number
    try:
        yield HostNet(path, ARENA_BYTES)
    finally:
        switch.value = 0


@pytest.mark.parametrize("number", [1, 2], ids=["type", "shape"])
def test_descriptions_that_cannot_be_are_refused(api: str, number: int) -> None:
    with fault(api, number) as net:
        assert net.open(b"") == IMAGE


@pytest.mark.parametrize("api", ["stai", "legacy"])
def test_a_runtime_that_tells_no_nodes_is_one_node(api: str) -> None:
    with fault(api, 3) as net:
        assert net.open(b"") == OK
        run = net.run(picture(1))
        assert run.op_ticks == [(0, run.ticks)]


@pytest.mark.parametrize("api", ["stai", "legacy"])
def test_a_run_that_fails_in_the_vendors_code(api: str) -> None:
    with fault(api, 4) as net:
        assert net.open(b"") == OK
        assert net.run(picture(1)).status == INTERNAL
        assert net.decode() == STATE


@pytest.mark.parametrize("place", ["mailbox", "arena"])
def test_memory_pools_that_meet_the_firmwares_memory_are_refused(place: str) -> None:
    lib = ctypes.CDLL(str(library("aton")))
    lib.pose_host_memory.restype = ctypes.c_void_p
    net = HostNet(library("aton"), ARENA_BYTES)
    pool = ctypes.c_void_p.in_dll(lib, "standin_memory")
    bytes_ = ctypes.c_uint32()
    mailbox = lib.pose_host_memory(MAILBOX, ctypes.byref(bytes_))
    try:
        pool.value = mailbox + bytes_.value - 1 if place == "mailbox" else net.arena_address
        assert net.open(b"") == MEMORY
        pool.value = net.arena_address + 1920
        assert net.open(b"") == OK
    finally:
        pool.value = None


@contextlib.contextmanager
def npu_that_takes(api: str, npu_ns: int, rest_ns: int) -> Iterator[HostNet]:
    """The NPU's stand-in with a time for each epoch of the NPU, and for what the runtime does after each epoch."""
    lib = ctypes.CDLL(str(library(api)))
    times = [ctypes.c_uint32.in_dll(lib, name) for name in ("standin_npu_ns", "standin_rest_ns")]
    try:
        net = HostNet(library(api), ARENA_BYTES)
        assert net.open(b"") == OK
        for time, value in zip(times, (npu_ns, rest_ns), strict=True):
            time.value = value
        yield net
    finally:
        for time in times:
            time.value = 0


@pytest.mark.parametrize("api", NPU)
def test_the_time_of_a_run_is_all_of_it(api: str) -> None:
    """Waits for the NPU's interrupt and what the runtime does between and after epochs; the epochs add up to it."""
    with npu_that_takes(api, 4_000_000, 3_000_000) as net:
        run = net.run(picture(1))
    assert run.status == OK
    npu, hybrid, cpu = (ticks for _, ticks in run.op_ticks)
    assert npu >= 7_000_000, "the epoch of the epoch controller, and what follows it"
    assert hybrid >= 7_000_000
    assert cpu >= 3_000_000, "what the runtime does after the last epoch is the run's"
    assert run.ticks == npu + hybrid + cpu >= 17_000_000


@pytest.mark.parametrize("api", NPU)
def test_an_npu_that_never_ends_is_given_up_and_starts_anew(api: str) -> None:
    with fault(api, HANG) as net:
        assert net.open(b"") == OK
        assert net.run(picture(1)).status == INTERNAL
        assert net.run(picture(1)).status == INTERNAL, "it must not be asked for what it never began"
    ran = net.run(picture(2))
    assert ran.status == OK
    np.testing.assert_array_equal(net.output(0), reference(vendor_model(), picture(2))(6))


def test_weights_that_are_not_linked_in_come_from_the_flash() -> None:
    with fault("stai", 5) as net:
        assert net.open(TABLE[:-1]) == NO_NETWORK
        assert net.open(TABLE) == OK
        assert net.run(picture(1)).status == OK
        np.testing.assert_array_equal(net.output(0), reference(vendor_model(), picture(1))(6))


def test_a_session(api: str) -> None:
    """The whole firmware: what HELLO, NETWORK_INFO, SELF_TEST and INFER say of such a network."""
    given = picture(4)
    with running(library=library(api)) as device:
        link = mailbox_transport(device)
        link.open(10.0)
        client = PoseClient(link)
        hello = client.hello()
        assert (hello.backend, hello.kernels) == (APIS[api], "none")
        assert not hello.capabilities & Capability.INTERMEDIATES
        info = client.network_info()
        assert (info.status, info.sha256, info.input_shape) == (0, generated(api).sha256, INPUT_SHAPE)
        tests = client.self_test()
        assert tests.passed
        assert set(tests.results) == {"crc32", "timer", "memory"}
        data = given.tobytes()
        client.upload(0, data)
        options = InferOption.KEYPOINTS | InferOption.OUTPUTS | InferOption.PROFILE
        client.start_infer(0, zlib.crc32(data), len(data), options)
        answer = client.finish_infer(10.0)
        np.testing.assert_array_equal(answer.outputs[0].data, reference(vendor_model(), given)(6))
        assert answer.outputs[0].data.shape == OUTPUT_SHAPE
        assert [name for _, name in answer.op_names] == NAMES[api]
        assert sum(ticks for _, ticks in answer.op_ticks) == answer.ticks
        client.start_infer(0, zlib.crc32(data), len(data), options | InferOption.DIGESTS)
        told = client.finish_infer(10.0)
        assert [each.crc32 for each in told.output_digests] == [zlib.crc32(answer.outputs[0].data.tobytes())]
        np.testing.assert_array_equal(client.fetch_output(told, 0).data, answer.outputs[0].data)
        client.start_infer(0, zlib.crc32(data), len(data), options | InferOption.INTERMEDIATES)
        with pytest.raises(DeviceError, match="parameter"):
            client.finish_infer(10.0)
        link.close()


@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed")
@pytest.mark.parametrize(
    ("board", "api"),
    [(N6, "aton"), (N6, "aton3"), (N6, "aton4"), ("stm32h7/nucleo_h743zi2", "legacy"), ("stm32h7/h747i_disco", "stai"),
     (F405, "legacy"), (F405, "stai")],
)  # fmt: skip
def test_images_of_hardware_boards_link(board: str, api: str) -> None:
    """The NPU's stand-ins are as long as ST's networks, secure, and do not compile with anything of other devices."""
    facts = read_facts(build_firmware(board, "dsp", APIS[api], network=generated(api)))
    if api in NPU:
        assert facts.vectors[16 + 53] & ~1 == facts.symbols["NPU0_IRQHandler"] & ~1, (
            "the interrupt would not be counted"
        )
        assert set(facts.vectors[17:69]) == {facts.vectors[16]}
        arena = facts.info.arena
        pools = [Area(pool.name, pool.address, pool.end) for pool in generated(api).pools if pool.used_bytes]
        for area in (*facts.image, arena, facts.info.slots, facts.info.mailbox):
            assert not any(area.overlaps(pool) for pool in pools), area
            assert area is arena or not area.overlaps(arena), area
        linked = {spec.linked_slot_bytes for spec in boards().values() if spec.firmware == board}
        assert linked == {facts.info.slots.end - facts.info.slots.start}
    else:
        assert facts.info.network.start == facts.info.network.end, "the weights are where networks would be flashed"
        apart = [*facts.writable, *facts.info.areas]
        for index, one in enumerate(apart):
            assert not any(one.overlaps(other) for other in apart[index + 1 :]), one


def longer(tmp_path: Path, weights: int, data: int) -> GeneratedNetwork:
    """The legacy stand-in with so many bytes of weights, and so many more of data."""
    folder = tmp_path / "legacy" / "network"
    shutil.copytree(FOLDER / "legacy" / "network", folder, dirs_exist_ok=True)
    for name in ("network_data.c", "network_data.h"):
        path = folder / name
        path.write_text(path.read_text().replace("[32]", f"[{weights // 8}]"))
    source = folder / "network.c"
    source.write_text(
        source.read_text()
        .replace(
            "static ai_buffer input, output;", f"static ai_buffer input, output;\nstatic volatile ai_u8 more[{data}];"
        )
        .replace("    input = fresh_input;", "    input = fresh_input;\n    more[(uintptr_t)activations[0] & 63] = 1;")
    )
    shutil.copy(FOLDER / "standin.h", tmp_path / "standin.h")
    return generated("legacy", folder)


needs_arm = pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed")


@needs_arm
@pytest.mark.parametrize("board", ["stm32h7/nucleo_h743zi2", F405])
def test_weights_beyond_the_first_128_kib_of_the_flash_fit(board: str, tmp_path: Path) -> None:
    assert build_firmware(board, "dsp", "stedgeai", network=longer(tmp_path, 300_000, 64))


@needs_arm
@pytest.mark.parametrize(
    ("board", "weights", "data", "region"),
    [
        (F405, 1_200_000, 64, r"CODE \(code and constants\)"),
        (F405, 256, 30_000, r"RAM \(data and stack\)"),
        ("stm32h7/nucleo_h743zi2", 256, 200_000, r"RAM \(data and stack\)"),
        ("stm32h7/h747i_disco", 1_200_000, 64, r"NETWORK \(the network's constants\)"),
        (N6, 256, 300_000, r"RAM \(data and stack\)"),
    ],
)
def test_what_is_too_long_for_the_board_is_one_sentence(
    board: str, weights: int, data: int, region: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as e:
        build_firmware(board, "dsp", "stedgeai", network=longer(tmp_path, weights, data))
    said = (
        rf"The firmware {board} \(dsp\) does not fit: {region} is \d+ bytes \([\d.]+ KiB\) too small\. Take a board .*"
    )
    assert re.fullmatch(said, str(e.value)), str(e.value)


def test_a_backend_and_a_network_belong_together() -> None:
    with pytest.raises(ConfigError, match="stedgeai needs a generated network"):
        build_host_library("ref", backend="stedgeai")
    with pytest.raises(ConfigError, match="runtime runs no generated network"):
        build_host_library("ref", network=generated("stai"))


def registers_written(call: str, sources: tuple[str, ...], folder: Path, *flags: str) -> list[tuple[int, int]]:
    """What a board's function writes, on a model that records and reads the address's low byte."""
    output = folder / "board.so"
    common = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-DPOSE_REG_MODEL", f"-I{FIRMWARE_DIR}"]
    files = [FIRMWARE_DIR / "boards" / name for name in (*sources, "stm32/reg_model.c")]
    subprocess.run(["gcc", *common, f"-I{FIRMWARE_DIR / 'include'}", *flags, "-o", output, *files], check=True)
    library = ctypes.CDLL(str(output))
    written: list[tuple[int, int]] = []
    read = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_uint32)(lambda address: address & 0xFF)
    write = ctypes.CFUNCTYPE(None, ctypes.c_uint32, ctypes.c_uint32)(lambda *access: written.append(access))
    library.pose_reg_model_set(read, write)
    getattr(library, call)()
    return written


def test_the_npu_is_clocked_reset_and_let_into_memory(tmp_path: Path) -> None:
    """The addresses and values of RM0486 and ST's public projects."""
    assert registers_written("pose_board_npu_start", ("stm32n6/npu.c",), tmp_path) == [
        (0x56028A60, 0x80000000),  # AHB5ENSR: NPU
        (0x56028A20, 0x80000000),  # AHB5RSTSR
        (0x56029220, 0x80000000),  # AHB5RSTCR
        (0x56028A4C, 1 << 10),  # MEMENSR: CACHEAXIRAM, before its cache is reset
        (0x56028A60, 0x40000000),  # AHB5ENSR: CACHEAXI
        (0x56028A20, 0x40000000),  # AHB5RSTSR
        (0x56029220, 0x40000000),  # AHB5RSTCR
        (0x580DFC00, 1),  # CR1: the cache is on
        (0x56028A8C, 0x78F),  # MEMLPENSR: AXISRAM1 to 6, FLEXRAM, the cache's RAM stay clocked
        (0x56028AA0, 0xC0003020),  # AHB5LPENSR: NPU, CACHEAXI, XSPIM, XSPI2, XSPI1 too
        (0x56028A58, 1 << 9),  # AHB3ENSR: RIFSC
        (0x54024C14, 0x310),  # RIMC_ATTR of the NPU: compartment 1, secure, privileged
        (0x5402401C, 0x41C),  # SECCFGR3, PRIVCFGR3: bit 10, the others stay
        (0x5402403C, 0x43C),
    ]


@pytest.mark.parametrize(
    ("family", "register", "bit"),
    [("stm32f4", 0x40023830, 12), ("stm32h7", 0x580244E0, 19), ("stm32n6", 0x5602825C, 19)],
)
def test_the_crc_unit_has_its_clock(family: str, register: int, bit: int, tmp_path: Path) -> None:
    """By RM0090, RM0433 and RM0486; ST's library refuses to work without."""
    table = (FIRMWARE_DIR / "backends" / "linked.cmake").read_text()
    found = re.search(rf"set\(crc_{family} (0x\w+)u (\d+)\)", table)
    assert found
    flags = (f"-DPOSE_CRC_ENABLE={found[1]}u", f"-DPOSE_CRC_BIT={found[2]}")
    written = registers_written("pose_board_crc_start", ("stm32/crc.c",), tmp_path, *flags)
    assert written == [(register, register & 0xFF | 1 << bit)]
