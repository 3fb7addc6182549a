"""Boards that stay up in the background, and the tools people use on them: pyocd, gdb, a terminal."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_stm32pose.boards.catalog import board_spec
from pytest_stm32pose.boards.open import open_board
from pytest_stm32pose.boards.virtual import running, start_detached, stop_detached
from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.probes.qemu import instances
from tests.support.guest import build_elf
from tests.support.waiting import LIMIT_S, eventually

UART = {"qemu-m55": 0x49303000, "qemu-m7": 0x40004000}
COUNT = "    ldr r0, =0x20002000\nloop:\n    adds r1, #1\n    str r1, [r0]\n    b loop\n"
#: Sends back every byte of the UART plus one (CMSDK UART: DATA +0, STATE +4, CTRL +8, BAUDDIV +0x10).
ECHO = """
    ldr r0, ={uart}
    movs r1, #16
    str r1, [r0, #0x10]
    movs r1, #3
    str r1, [r0, #8]
loop:
    ldr r1, [r0, #4]
    tst r1, #2
    beq loop
    ldr r2, [r0]
    adds r2, #1
full:
    ldr r1, [r0, #4]
    tst r1, #1
    bne full
    str r2, [r0]
    b loop
"""


@pytest.fixture(params=["qemu-m55", "qemu-m7"])
def info(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    if reason := board_spec(request.param).unavailable_reason():
        pytest.skip(reason)
    info = start_detached(request.param)
    try:
        yield info
    finally:
        if instances.find(info["unique_id"]):
            stop_detached(info["unique_id"])


def pyocd(*arguments: object, timeout_s: float = LIMIT_S) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pyocd", *map(str, arguments)],
        capture_output=True, text=True, timeout=timeout_s, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)


def listens(port: int) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    return False


def test_pyocd_lists_commands_and_loads(info: dict[str, Any], tmp_path: Path) -> None:
    uid = info["unique_id"]
    assert uid in pyocd("list")
    elf = build_elf(tmp_path, COUNT)
    pyocd("load", "-u", uid, elf)
    counts = []
    for _ in range(2):
        answer = pyocd("cmd", "-u", uid, "-M", "attach", "-c", "read32 0x20002000")
        counts.append(int(re.findall(r"20002000:\s+([0-9a-f]{8})", answer)[0], 16))
    assert 0 < counts[0] != counts[1]
    answer = pyocd("cmd", "-u", uid, "-c", "halt", "-c", "status", "-c", "reg pc")
    assert "Halted" in answer and re.search(r"pc = 0x[0-9a-f]{8}", answer)
    binary = tmp_path / "data.bin"
    binary.write_bytes(os.urandom(100_000))
    address = board_spec(info["name"]).network.address
    pyocd("load", "-u", uid, "--base-address", hex(address), "--format", "bin", binary)
    pyocd("cmd", "-u", uid, "-c", f"savemem {address:#x} 100000 {tmp_path / 'back.bin'}")
    assert (tmp_path / "back.bin").read_bytes() == binary.read_bytes()


@pytest.mark.skipif(shutil.which("gdb-multiarch") is None, reason="gdb-multiarch is missing (apt-get install it)")
def test_gdb_debugs_through_the_gdb_server(info: dict[str, Any], tmp_path: Path) -> None:
    elf = build_elf(tmp_path, COUNT)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "pyocd", "gdbserver", "-u", info["unique_id"], "-p", str(port), "-T", "0", "--persist"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        eventually(lambda: server.poll() is not None or listens(port), "the gdb server does not listen")
        commands = (
            f"target remote 127.0.0.1:{port}", "load", "monitor reset halt", "break loop", "continue", "continue",
            "continue", "info registers r1 pc", "delete", "watch *(int*)0x20002000", "continue", "stepi", "detach",
        )  # fmt: skip
        done = subprocess.run(
            ["gdb-multiarch", "-nx", "-batch", *(part for text in commands for part in ("-ex", text)), str(elf)],
            capture_output=True, text=True, timeout=LIMIT_S, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.stdout.count("Breakpoint 1, ") == 3, done.stdout + done.stderr
        assert re.search(r"r1\s+0x2\s", done.stdout), done.stdout
        # pyOCD does not tell gdb that it was a watchpoint; the core stands behind the store.
        after_store, next_loop = re.findall(r"^0x([0-9a-f]{8}) in loop \(\)", done.stdout, re.M)[-2:]
        assert "received signal SIGTRAP" in done.stdout and int(after_store, 16) == int(next_loop, 16) + 4, done.stdout
    finally:
        server.terminate()
        server.wait(timeout=LIMIT_S)


@pytest.mark.skipif(shutil.which("gdb-multiarch") is None, reason="gdb-multiarch is missing (apt-get install it)")
def test_gdb_reaches_the_emulator_directly(info: dict[str, Any]) -> None:
    done = subprocess.run(
        ["gdb-multiarch", "-nx", "-batch", "-ex", f"target remote {info['gdb']}", "-ex", "x/2xw 0", "-ex", "detach"],
        capture_output=True, text=True, timeout=LIMIT_S, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert re.search(r"0x0:\s+0x20001000\s+0x00000041", done.stdout), done.stdout + done.stderr


def get_in_touch(port: Any) -> None:
    """Until the program has its UART on, what is sent is lost; afterwards nothing of it is left to come."""
    port.timeout = 0.1
    eventually(lambda: port.write(b"\0") and port.read(1), "no echo")
    port.timeout = LIMIT_S
    port.write(b"sync")
    assert port.read_until(b"tzod").endswith(b"tzod")


def test_the_serial_port_works_as_terminal_and_as_url(info: dict[str, Any], tmp_path: Path) -> None:
    import serial

    board = open_board(info["name"], probe=info["unique_id"])
    board.open()
    board.flash_firmware(build_elf(tmp_path, ECHO.format(uart=UART[info["name"]])))
    board.start()
    with serial.serial_for_url(board.serial_url(), timeout=LIMIT_S) as port:
        get_in_touch(port)
        board.close()  # it goes on running
        sent = bytes(range(200)) * 50
        port.write(sent)
        assert port.read(len(sent)) == bytes(value + 1 for value in sent)
    with serial.Serial(info["pty"], timeout=LIMIT_S) as port:
        get_in_touch(port)
        port.write(b"terminal")
        assert port.read(8) == bytes(value + 1 for value in b"terminal")


def test_a_board_stays_up_after_its_starter(info: dict[str, Any]) -> None:
    script = (
        "from pytest_stm32pose.boards.virtual import start_detached; "
        f"print(start_detached({info['name']!r})['unique_id'])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=LIMIT_S, check=True)
    other = done.stdout.strip()
    known = {item["unique_id"]: item for item in running()}
    assert other in known and info["unique_id"] in known and other != info["unique_id"]
    directory = Path(known[other]["directory"])
    assert stop_detached(other) == 1
    assert not directory.exists()
    assert other not in {item["unique_id"] for item in running()}
    with pytest.raises(ConfigError, match=info["unique_id"]):
        stop_detached(other)


def test_an_instance_of_another_board_is_refused(info: dict[str, Any]) -> None:
    other = next(name for name in UART if name != info["name"])
    with pytest.raises(ConfigError, match=f"is a {info['name']}"):
        open_board(other, probe=info["unique_id"]).open()
