"""The firmware on the emulated boards, without probe and pyOCD: both links, repeatable time, faults."""

from __future__ import annotations

import shutil
import zlib
from pathlib import Path

import numpy as np
import pytest

from pytest_stm32pose.errors import DeviceError
from pytest_stm32pose.firmware.build import board_kernel_sets, build_firmware
from pytest_stm32pose.network.compile import CompiledNetwork, compile_model
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.protocol.messages import InferOption
from pytest_stm32pose.transports.serial import SerialTransport
from pytest_stm32pose.transports.swd import MailboxTransport
from tests.firmware.qemu_machine import MACHINES, Machine, Qemu

pytestmark = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None,
    reason="qemu-system-arm and arm-none-eabi-gcc are needed",
)
TIMEOUT_S = 60.0
MAILBOX = 0x60000000
machines = pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)


@pytest.fixture(scope="module")
def network(fixtures_dir: Path) -> CompiledNetwork:
    return compile_model(fixtures_dir / "models" / "stick_pose_96_int8.tflite")


@pytest.fixture(scope="module")
def picture(network: CompiledNetwork) -> bytes:
    return np.random.default_rng(5).integers(0, 256, network.description.input_shape, dtype=np.uint8).tobytes()


def connect(qemu: Qemu) -> tuple[PoseClient, PoseClient]:
    """Clients over the serial port and through the mailbox; an empty frame on the serial port is the doorbell."""
    serial = SerialTransport(qemu.url)
    serial.open(TIMEOUT_S)
    mailbox = MailboxTransport(qemu, MAILBOX, lambda: serial.port.write(b"\0", TIMEOUT_S))
    mailbox.open(TIMEOUT_S)
    clients = PoseClient(serial), PoseClient(mailbox)
    for client in clients:
        client.hello()
    return clients


@pytest.mark.parametrize(
    ("machine", "kernels"),
    [(m, k) for m in MACHINES for k in board_kernel_sets(m.board)],
    ids=lambda each: each if isinstance(each, str) else each.name,
)
def test_boots_and_passes_its_self_test(machine: Machine, kernels: str, network: CompiledNetwork) -> None:
    with Qemu(machine, build_firmware(machine.board, kernels), network.image) as qemu:
        for client, size in zip(connect(qemu), (8192, 1 << 20), strict=True):
            hello = client.hello()
            assert (hello.board, hello.kernels) == ({"mps3": "qemu-m55", "mps2": "qemu-m7"}[machine.name[:4]], kernels)
            assert (hello.max_message, hello.time_source) == (size, "timer")
            assert hello.cpuid >> 4 & 0xFFF in (0xD22, 0xC27)
            assert client.self_test().passed
            stats = client.memory()
            assert 0 < stats.stack_high_water <= 0.8 * stats.stack_bytes
            assert stats.flash_bytes > 10_000
            assert 16_384 < stats.ram_bytes < 40_000
            assert client.dropped_frames == 0


@machines
def test_time_is_identical_whatever_happens_around(machine: Machine, network: CompiledNetwork, picture: bytes) -> None:
    """Two fresh processes, both links, with and without transfers between the operators and uploads meanwhile."""
    elf = build_firmware(machine.board, "dsp")
    seen = set()
    for _ in range(2):
        with Qemu(machine, elf, network.image) as qemu:
            serial, mailbox = connect(qemu)
            crc, size = zlib.crc32(picture), len(picture)
            for slot in (0, 1):
                mailbox.upload(slot, picture)
            results = [
                mailbox.infer(0, crc, size, profile=True),
                mailbox.infer(1, crc, size, profile=True, outputs=True, intermediates=True),
                serial.infer(0, crc, size, profile=True, outputs=True),
            ]
            for client in (serial, mailbox):
                client.start_infer(0, crc, size, InferOption.PROFILE)
                client.upload(1, picture[::-1])
                results.append(client.finish_infer())
            assert serial.repeated_requests == mailbox.repeated_requests == 0
            seen |= {(result.ticks, result.op_ticks) for result in results}
    assert len(seen) == 1
    assert next(iter(seen))[0] > 1_000_000


@machines
def test_reset_over_both_links(machine: Machine) -> None:
    with Qemu(machine, build_firmware(machine.board, "ref")) as qemu:
        boot = qemu.read(MAILBOX + 0x0C, 4)
        for client in connect(qemu):
            client.reset()
            before, boot = boot, qemu.read(MAILBOX + 0x0C, 4)
            assert boot != before


@machines
@pytest.mark.parametrize(
    ("code", "words"),
    [
        (b"\x00\xde", "UsageFault at 0x{entry:08X}"),  # udf #0
        (b"\x80\xb4\xfd\xe7", "stack overflowed"),  # push {r7}; b .-2
        (b"\x00\xdf\xfe\xe7", "unexpected exception 11"),  # svc #0
    ],
    ids=["undefined instruction", "stack overflow", "unexpected exception"],
)
def test_a_fault_is_told_and_does_not_lock_up(machine: Machine, code: bytes, words: str, tmp_path: Path) -> None:
    elf, entry = _with_code_at(build_firmware(machine.board, "ref"), "pose_app_self_test", code, tmp_path)
    with Qemu(machine, elf) as qemu:
        _, mailbox = connect(qemu)
        with pytest.raises(DeviceError, match=words.format(entry=entry)):
            mailbox.self_test()
        assert qemu.process.poll() is None


def _with_code_at(elf: Path, name: str, code: bytes, folder: Path) -> tuple[Path, int]:
    """A copy of the image whose function starts with other instructions, and the function's address."""
    elffile = pytest.importorskip("elftools.elf.elffile")
    data = bytearray(elf.read_bytes())
    with elf.open("rb") as file:
        parsed = elffile.ELFFile(file)
        entry = parsed.get_section_by_name(".symtab").get_symbol_by_name(name)[0]["st_value"] & ~1
        (segment,) = [s for s in parsed.iter_segments() if s["p_vaddr"] <= entry < s["p_vaddr"] + s["p_filesz"]]
        offset = entry - segment["p_vaddr"] + segment["p_offset"]
    data[offset : offset + len(code)] = code
    copy = folder / "patched.elf"
    copy.write_bytes(data)
    return copy, entry
