"""What `stm32pose doctor` finds: programs that are old or broken, permissions, probes. Each finding has its remedy."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_stm32pose.boards.inventory import Inventory
from pytest_stm32pose.cli.doctor import Finding, findings, hardware_findings
from pytest_stm32pose.firmware import build
from pytest_stm32pose.probes.listing import ConnectedProbe, Identity


@pytest.fixture(autouse=True)
def own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STM32POSE_LOCK_DIR", str(tmp_path / "locks"))


def program(folder: Path, name: str, output: str, code: int = 0) -> None:
    (folder / name).write_text(f"#!/bin/sh\necho '{output}'\nexit {code}\n")
    (folder / name).chmod(0o755)


def device(sysfs: Path, name: str, product: str, number: str) -> None:
    folder = sysfs / name
    folder.mkdir(parents=True)
    for key, value in (("idVendor", "0483"), ("idProduct", product), ("busnum", "1"), ("devnum", number)):
        (folder / key).write_text(f"{value}\n")


def by_name(found: list[Finding]) -> dict[str, Finding]:
    return {each.what: each for each in found}


def test_old_broken_and_missing_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "qemu-system-arm", "QEMU emulator version 6.2.0 (Debian 1:6.2+dfsg-2ubuntu6)")
    program(tmp_path, "arm-none-eabi-gcc", "arm-none-eabi-gcc (15:9-2019-q4-0ubuntu1) 10.3.1 20210621", 1)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = by_name(list(findings()))
    assert not found["qemu-system-arm"].good and "6.2.0" in found["qemu-system-arm"].detail
    assert "older than 7.2" in found["qemu-system-arm"].detail
    assert not found["arm-none-eabi-gcc"].good and "does not run" in found["arm-none-eabi-gcc"].detail
    assert not found["cmake"].good and "apt-get install cmake" in found["cmake"].detail
    program(tmp_path, "arm-none-eabi-gcc", "arm-none-eabi-gcc (15:9-2019-q4-0ubuntu1) 10.3.1 20210621")
    program(tmp_path, "qemu-system-arm", "QEMU emulator version 10.0.2")
    found = by_name(list(findings()))
    assert found["arm-none-eabi-gcc"].good and found["qemu-system-arm"].good


def test_an_installed_package_needs_no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(build, "FIRMWARE_DIR", tmp_path / "no-sources")
    monkeypatch.setattr(build, "IMAGES_DIR", tmp_path)
    found = by_name(list(findings()))
    assert not {"arm-none-eabi-gcc", "cmake"} & found.keys()
    assert not found["firmware images"].good and found["firmware images"].detail == "reinstall pytest-stm32pose"
    (tmp_path / "stm32n6-n6570_dk-mve.elf").touch()
    found = by_name(list(findings()))
    assert (
        found["firmware images"].good and found["firmware images"].detail == "1 in the package; no compiler is needed"
    )


def test_a_host_without_hardware_is_well(tmp_path: Path) -> None:
    found = list(hardware_findings(Inventory(lambda: [], lambda: []), tmp_path, tmp_path, [tmp_path]))
    assert all(each.good for each in found) and any("none connected" in each.detail for each in found)


def test_permissions_that_are_missing_are_told_with_their_remedy(tmp_path: Path) -> None:
    """A node that is not there stands for one that may not be opened: root may open everything."""
    sysfs, devices = tmp_path / "sys", tmp_path / "dev"
    device(sysfs, "1-1", "374e", "5")
    device(sysfs, "1-2", "374b", "6")
    device(sysfs, "1-3", "5740", "7")  # some other device of ST's
    (sysfs / "1-1:1.0").mkdir()
    (devices / "001").mkdir(parents=True)
    (devices / "001" / "005").touch()
    good, bad = tmp_path / "ttyACM0", tmp_path / "ttyACM1"
    good.touch()
    ports = [
        SimpleNamespace(device=str(path), serial_number="A", location=None, vid=0x0483, pid=0x374E)
        for path in (good, bad)
    ]
    inventory = Inventory(lambda: [], lambda: ports)
    found = by_name(list(hardware_findings(inventory, sysfs, devices, [tmp_path])))
    assert found[f"access to {devices / '001' / '005'}"].good
    node = found[f"access to {devices / '001' / '006'}"]
    assert not node.good and 'ATTR{idVendor}=="0483"' in node.detail and "/etc/udev/rules.d" in node.detail
    assert not any(str(devices / "001" / "007") in what for what in found)
    assert not found["udev rules for ST-LINK"].good
    assert found[f"access to {good}"].good
    assert not found[f"access to {bad}"].good and "usermod -aG dialout" in found[f"access to {bad}"].detail
    (tmp_path / "49-stlinkv3.rules").touch()
    assert by_name(list(hardware_findings(inventory, sysfs, devices, [tmp_path])))["udev rules for ST-LINK"].good


def test_probes_tell_their_firmware_or_why_not(tmp_path: Path) -> None:
    probes = [
        ConnectedProbe("A", "STLINK-V3", lambda: Identity("0836", "NUCLEO-H743ZI2", "V3J15M7")),
        ConnectedProbe("B", "ST-LINK/V2", lambda: Identity(problem="unsupported, older firmware version")),
        ConnectedProbe("C", "CMSIS-DAP", Identity),
    ]
    found = by_name(list(hardware_findings(Inventory(lambda: probes, lambda: []), tmp_path, tmp_path, [tmp_path])))
    assert found["probe A"].good and found["probe A"].detail == "STLINK-V3, firmware V3J15M7, board NUCLEO-H743ZI2"
    assert not found["probe B"].good and "older firmware version" in found["probe B"].detail
    assert found["probe C"].good
