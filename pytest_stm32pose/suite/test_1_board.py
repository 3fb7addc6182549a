"""The board is the one that was asked for, runs the firmware that was flashed, and passes its own tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_stm32pose.bench.session import BoardSession


def test_identity(pose_board: BoardSession) -> None:
    hello = pose_board.hello
    if not hello.board:
        pytest.skip("the firmware does not say which board it was built for")
    spec = pose_board.spec
    assert hello.mcu == spec.mcu, f"the firmware says it was built for {hello.mcu} ({hello.board})"
    assert hello.kernels == (spec.kernels if hello.backend == "runtime" else "none")
    assert pose_board.core_part == spec.core, f"CPUID 0x{hello.cpuid:08x} is a {pose_board.core_part}"
    found, wanted = (f"{hz / 1e6:g} MHz" for hz in (hello.clock_hz, spec.clock_hz))
    assert hello.clock_hz == spec.clock_hz, f"the core runs at {found}, not at {wanted}: a clock did not come up"


def test_firmware_on_target_is_the_file(pose_board: BoardSession) -> None:
    if pose_board.flash is None:
        pytest.skip("nothing was flashed: the firmware on the board is the user's")
    differing = pose_board.verify_firmware()
    assert not differing, f"the target differs from {pose_board.firmware_path}: {differing}"
