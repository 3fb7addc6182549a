"""Folders that ST's generator wrote: what is read from them, and one clear sentence for each that cannot be used."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pytest_stm32pose.bench.linked import footprint_budgets
from pytest_stm32pose.cli.main import main
from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.firmware.c_info import MAX_VALUE, read_c_info
from pytest_stm32pose.firmware.generated import read_generated
from pytest_stm32pose.firmware.weights import DataFile
from pytest_stm32pose.run.inputs import RunInputs
from pytest_stm32pose.settings import Settings
from tests.firmware.vendor_network import APIS, FOLDER, NPU, generated


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the stai stand-in's generated folder, alone."""
    folder = tmp_path / "mine"
    shutil.copytree(FOLDER / "stai" / "network", folder)
    return folder


@pytest.mark.parametrize("api", APIS)
def test_tells_the_apis_apart(api: str) -> None:
    network = generated(api)
    assert (network.api, network.backend, network.file) == (api.rstrip("34"), APIS[api], "network")
    assert network.name == ("Default" if api == "aton" else "network")
    assert network.vendor == FOLDER / api
    assert read_generated(FOLDER / api / "network", APIS[api]) == network, "the package beside it was not found"


def test_the_package_may_be_a_whole_tree(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "STM32Cube"
    shutil.copytree(FOLDER / "stai" / "Inc", root / "Middlewares" / "ST" / "AI" / "Inc")
    (root / "Drivers" / "CMSIS" / "Include").mkdir(parents=True)
    network = read_generated(copy, "stedgeai", root)
    assert network.vendor == root / "Middlewares" / "ST" / "AI"
    assert network.includes == (root / "Drivers" / "CMSIS" / "Include",)
    monkeypatch.setenv("STEDGEAI_CORE_DIR", str(root))
    assert read_generated(copy, "stedgeai") == network


def test_the_npus_own_wrapper_is_no_second_network(tmp_path: Path) -> None:
    folder = tmp_path / "n6"
    shutil.copytree(FOLDER / "aton" / "network", folder)
    (folder / "stai_network.c").write_text("stai_return_code stai_network_init(stai_network *n)\n{\n}\n")
    assert read_generated(folder, "aton", FOLDER / "aton").api == "aton"


def test_every_file_counts_for_the_hash(copy: Path) -> None:
    first = read_generated(copy, "stedgeai", FOLDER / "stai").sha256
    assert read_generated(copy, "stedgeai", FOLDER / "stai").sha256 == first
    (copy / "network_data.c").write_text("/* other weights */")
    assert read_generated(copy, "stedgeai", FOLDER / "stai").sha256 != first


@pytest.mark.parametrize(
    ("change", "backend", "sentence"),
    [
        (lambda d: shutil.rmtree(d), "stedgeai", "There is no folder .*mine"),
        (lambda d: (d / "network.c").unlink(), "stedgeai", "holds no network of ST's generator"),
        (lambda d: (d / "network.h").unlink(), "stedgeai", r"has network.c but no network.h"),
        (lambda d: None, "aton", "generated for the stai API, which backend aton does not run.*Use backend stedgeai"),
        (lambda d: shutil.copy(d / "network.c", d / "face.c"), "stedgeai", r"several networks: face.c, network.c"),
    ],
    ids=["folder", "source", "header", "backend", "two"],
)
def test_what_cannot_be_used_is_said(copy: Path, change: Any, backend: str, sentence: str) -> None:
    change(copy)
    with pytest.raises(ConfigError, match=sentence):
        read_generated(copy, backend, FOLDER / "stai")


def test_the_wrong_package_is_said(copy: Path) -> None:
    with pytest.raises(ConfigError, match=r"legacy has no Inc/stai.h and Inc/stai_events.h.*the stai API.*--vendor"):
        read_generated(copy, "stedgeai", FOLDER / "legacy")
    with pytest.raises(ConfigError, match=r"ST's package for .* was not found"):
        read_generated(copy, "stedgeai")


def test_data_goes_where_the_pools_are(tmp_path: Path) -> None:
    folder = tmp_path / "n6"
    shutil.copytree(FOLDER / "aton3" / "network", folder)
    network = read_generated(folder, "aton", FOLDER / "aton3")
    raw = folder.resolve() / "network_atonbuf.xSPI2.raw"
    assert network.data_files(0x70000000) == (DataFile(raw, NPU["aton3"]),)
    (folder / "network_atonbuf.xSPI1.raw").write_bytes(b"1")
    with pytest.raises(ConfigError, match=r"xSPI1.raw: network.c names no address"):
        network.data_files(0x70000000)
    raw.unlink()
    assert network.data_files(0x70000000)[0].address == 0x70000000, "a pool alone lies at the board's address"


def test_data_of_the_classic_runtime(copy: Path) -> None:
    network = read_generated(copy, "stedgeai", FOLDER / "stai")
    assert network.data_files(0x71000000) == ()
    (copy / "network_data.bin").write_bytes(b"1")
    assert network.data_files(0x71000000) == (DataFile(copy.resolve() / "network_data.bin", 0x71000000),)
    (copy / "network_data.hex").write_text(":00000001FF\n")
    assert network.data_files(0x71000000) == (DataFile(copy.resolve() / "network_data.hex", None),)


def test_the_report_is_read() -> None:
    info = generated("stai").c_info
    assert info is not None
    assert (info.tool_version, info.weights_bytes, info.activations_bytes, info.io_bytes) == ("3.0.0", 256, 14400, 1872)
    assert (info.kernel_flash_bytes, info.kernel_ram_bytes, info.macc) == (5120, 512, 20736)
    npu = generated("aton").c_info
    assert npu is not None
    assert (npu.tool_version, npu.weights_bytes, npu.io_bytes, npu.blobs) == ("2.1.0-20194 329b0e98d", 256, 1872, None)
    assert (npu.kernel_flash_bytes, npu.kernel_ram_bytes, npu.macc) == (None, None, None), "null is no 0"
    assert [(pool.name, pool.address, pool.used_bytes) for pool in npu.pools] == [
        ("npuRAM5", 0x342E0000, 14400),
        ("hyperRAM", 0x90000000, 0),
        ("octoFlash", NPU["aton"], 256),
        ("_user_io_output_0", None, 1872),
    ]


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[]", "the file is not an object"),
        ("{}", "has no json_schema_version"),
        ({"json_schema_version": "3.1"}, "has json_schema_version '3.1'; '2.0' is read here"),
        ({"memory_footprint": None}, "memory_footprint is not an object"),
        ({"memory_footprint": {"weights": -1}}, "memory_footprint.weights is -1"),
        ({"memory_footprint": {"activations": MAX_VALUE}}, "memory_footprint.activations is"),
        ({"memory_footprint": {"io": [1, "2"]}}, "memory_footprint.io is '2'"),
        ({"memory_footprint": {"kernel_flash": True}}, "kernel_flash is True"),
        ({"graphs": {}}, "graphs is not a list"),
        ({"graphs": [{"nodes": [3]}]}, r"graphs\[0\].nodes\[\] is not an object"),
        ({"memory_pools": [{"address": "0xzz"}]}, r"memory_pools\[\].address is"),
    ],
)
def test_a_report_that_cannot_be_is_refused(document: Any, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "network_c_info.json"
    if isinstance(document, dict):
        document = json.dumps({"json_schema_version": "2.0", "memory_footprint": {}, **document})
    path.write_text(document)
    with pytest.raises(ConfigError, match=sentence) as caught:
        read_c_info(path)
    assert str(path) in str(caught.value)


def test_footprints_become_budgets() -> None:
    info = generated("stai").c_info
    assert info is not None
    origin = "network_c_info.json"
    limits = {
        each.name: (each.limit, each.origin) for each in footprint_budgets(info, on_npu=False, weights_linked=True)
    }
    assert limits == {
        "activation_kib_max": (16.0, origin),
        "weights_kib_max": (1.0, origin),
        "firmware_flash_kib_max": (96.0 + 6.0, f"{origin} and 96 KiB for the pose runner"),
    }
    on_npu = {each.name for each in footprint_budgets(info, on_npu=True, weights_linked=False)}
    assert on_npu == {"weights_kib_max", "firmware_flash_kib_max"}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (Settings(backend="stedgeai"), "Name its folder with --pose-network-dir"),
        (Settings(network_dir=Path("x")), "mean nothing to backend runtime"),
        (Settings(weights="ram", backend="st-validation"), "--pose-weights=ram means nothing to backend st-validation"),
        (Settings(backend="aton", network_dir=FOLDER / "stai" / "network"), "which backend aton does not run"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_a_board_is_taken(settings: Settings, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        RunInputs(settings, Path.cwd()).preflight(build=False)


def test_the_command_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["build", "--board", "qemu-m55", "--backend", "aton", "--network", str(tmp_path / "none")]) == 2
    assert "There is no folder" in capsys.readouterr().err
    assert main(["build", "--board", "qemu-m55", "--backend", "stedgeai"]) == 2
    assert "needs a generated network" in capsys.readouterr().err
    assert main(["build", "--board", "qemu-m55", "--vendor", str(tmp_path)]) == 2
    assert "Name that with --network" in capsys.readouterr().err
