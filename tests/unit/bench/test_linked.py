"""A linked network: when its firmware is started, and which outputs its client names."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pytest_stm32pose.bench.linked import LinkedFirmware
from pytest_stm32pose.settings import Settings
from pytest_stm32pose.types import DeviceNetwork, FlashReport


class Started(LinkedFirmware):
    """Counts its starts and takes any network."""

    starts = 0

    def start(self) -> None:
        self.starts += 1

    def accepted(self, network: Any) -> DeviceNetwork:
        return cast(DeviceNetwork, None)

    def _checked(self, answer: DeviceNetwork, network: Any) -> DeviceNetwork:
        return answer


@pytest.mark.parametrize(("files", "starts"), [([], 0), (["weights.raw"], 1)])
def test_only_what_is_flashed_beside_the_firmware_starts_it_again(
    tmp_path: Path, files: list[str], starts: int
) -> None:
    for name in files:
        (tmp_path / name).write_bytes(b"weights")
    data = [SimpleNamespace(in_ram=False, address=0x71000000, path=tmp_path / name) for name in files]
    flashed: list[tuple[int, bytes]] = []

    def flash_data(address: int, content: bytes) -> FlashReport:
        flashed.append((address, content))
        return FlashReport(len(content), False, 0.1)

    board = SimpleNamespace(spec=SimpleNamespace(network=SimpleNamespace(address=0x71000000)), flash_data=flash_data)
    generated = SimpleNamespace(data_files=lambda address: data)
    firmware = Started(cast(Any, board), None, Settings(), cast(Any, generated))
    network = SimpleNamespace(graph=SimpleNamespace(outputs=(), ops=()))
    firmware.load(cast(Any, network))
    assert firmware.starts == starts
    assert flashed == [(0x71000000, b"weights")] * starts
    assert firmware.state.loaded is cast(Any, network)
