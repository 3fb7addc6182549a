"""A linked network: when its firmware is started, and which outputs its client names."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pytest_stm32pose.bench.linked import LinkedFirmware
from pytest_stm32pose.errors import DeviceError
from pytest_stm32pose.settings import Settings
from pytest_stm32pose.types import DeviceNetwork, FlashReport, NetworkDescription, PictureInput

#: 96 bytes for our runtime; ST's generator may ask for four times as much.
DESCRIPTION = NetworkDescription(
    "net", "0" * 64, "none", 0, (4, 8, 3), "uint8", 0, 0, 0, 0, picture=PictureInput("uint8", 1 / 255)
)
NETWORK = SimpleNamespace(graph=SimpleNamespace(outputs=(), ops=()), description=DESCRIPTION)


class Started(LinkedFirmware):
    """Counts its starts and takes any network."""

    starts = 0
    dtype = "uint8"

    @property
    def hello(self) -> Any:
        return SimpleNamespace(slot_bytes=96)

    def start(self) -> None:
        self.starts += 1

    def accepted(self, network: Any) -> DeviceNetwork:
        return cast(DeviceNetwork, SimpleNamespace(input_shape=(1, 4, 8, 3), input_dtype=self.dtype))

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
    firmware.load(cast(Any, NETWORK))
    assert firmware.starts == starts
    assert flashed == [(0x71000000, b"weights")] * starts
    assert firmware.state.loaded is cast(Any, NETWORK)


def test_an_input_that_the_generated_code_has_larger_is_refused_by_its_own_size() -> None:
    board = SimpleNamespace(spec=SimpleNamespace(name="b", network=SimpleNamespace(address=0x71000000)))
    firmware = Started(cast(Any, board), None, Settings(), cast(Any, SimpleNamespace(data_files=lambda address: [])))
    firmware.dtype = "float32"
    with pytest.raises(DeviceError, match="The input of net has 384 bytes, an input slot of b holds 96"):
        firmware.load(cast(Any, NETWORK))
