"""ST's packages and generated folders as users have them: where things are found, what goes where, what is said."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_stm32pose.cli.main import main
from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.firmware import build_output
from pytest_stm32pose.firmware.build import FIRMWARE_DIR, build_firmware, network_placement
from pytest_stm32pose.firmware.c_info import CInfo, Pool
from pytest_stm32pose.firmware.generated import GeneratedNetwork, backend_of, read_generated
from pytest_stm32pose.firmware.package import find_package
from pytest_stm32pose.firmware.placement import Area
from pytest_stm32pose.firmware.pools import read_pools
from tests.firmware.image_facts import read_facts
from tests.firmware.vendor_network import FOLDER, NPU, generated

N6 = "stm32n6/n6570_dk"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the newer NPU stand-in's folder, alone."""
    copy = tmp_path / "model"
    shutil.copytree(FOLDER / "aton3" / "network", copy)
    return copy


def read(folder: Path) -> GeneratedNetwork:
    return read_generated(folder, "aton", FOLDER / "aton3")


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


# --- packages ---


@pytest.mark.parametrize(
    "place",
    [
        "Middlewares/ST/AI",
        "Middlewares/AI_Runtime",
        "Middlewares/stedgeai-lib",
        "Middlewares/ST/STM32_AI_Runtime",
        "Middlewares/ST/STM32_AI_Library",
        "Lib/AI_Runtime",
        "",
    ],
)
@pytest.mark.parametrize("named", ["tree", "package", "nothing"])
def test_a_package_is_found_where_projects_have_it(place: str, named: str, tmp_path: Path) -> None:
    tree, network = tmp_path / "project", tmp_path / "project" / "X-CUBE-AI" / "App"
    package = tree / place
    for name in ("ai_platform.h", "ai_platform_interface.h"):
        (package / "Inc").mkdir(parents=True, exist_ok=True)
        (package / "Inc" / name).touch()
    network.mkdir(parents=True)
    cmsis = tree / "STM32Cube_FW_N6" / "Drivers" / "CMSIS" / "Device" / "ST" / "STM32N6xx" / "Include"
    cmsis.mkdir(parents=True)
    found = find_package(network, "legacy", {"tree": tree, "package": package, "nothing": None}[named])
    assert found.folder == package.resolve()
    assert found.includes == (cmsis.resolve(),)


M7, M55 = "GCC/ARMCortexM7/NetworkRuntime", "GCC/ARMCortexM55/NetworkRuntime"


@pytest.mark.parametrize(
    ("files", "core", "library", "runtime"),
    [
        (["NetworkRuntime910_CM7_GCC.a"], "7", "NetworkRuntime910_CM7_GCC.a", "9.1.0"),
        ([f"{M7}1020_CM7_GCC.a"], "7", f"{M7}1020_CM7_GCC.a", "10.2.0"),
        (["GCC/STM32H7/NetworkRuntime1100_CM7_GCC.a", f"{M7}1100_CM7_GCC.a"], "7", f"{M7}1100_CM7_GCC.a", "11.0.0"),
        ([f"{M55}1100_CM55_GCC.a", f"{M55}1100_CM55_GCC_PIC.a"], "55", f"{M55}1100_CM55_GCC.a", "11.0.0"),
        (
            ["NetworkRuntime910_CM7_GCC.a", "NetworkRuntime1020_CM7_GCC.a"],
            "7", "NetworkRuntime1020_CM7_GCC.a", "10.2.0",
        ),
        (
            ["libNetworkRuntime520_CM7_GCC.a", "NetworkRuntime520_CM7_IAR.a"],
            "7", "libNetworkRuntime520_CM7_GCC.a", "5.2.0",
        ),
        (["MDK/ARMCortexM7/NetworkRuntime1100_CM7_Keil.lib"], "7", None, ""),
    ],
    ids=["cubemx", "core", "series too", "position independent", "newest", "old name", "another compiler"],
)  # fmt: skip
def test_both_layouts_of_the_library(
    files: list[str], core: str, library: str | None, runtime: str, tmp_path: Path
) -> None:
    for name in ("Inc/stai.h", "Inc/stai_events.h", *(f"Lib/{name}" for name in files)):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    package = find_package(tmp_path, "stai", tmp_path)
    found = package.libraries.get(core)
    assert found == (None if library is None else tmp_path.resolve() / "Lib" / library)
    assert package.runtime == runtime


# --- folders ---


def test_one_of_several_networks_is_named_by_its_file(folder: Path) -> None:
    shutil.copy(folder / "network.c", folder / "reid.c")
    change(folder / "reid.c", "LL_ATON_EpochBlockItems_network", "LL_ATON_EpochBlockItems_reid")
    with pytest.raises(ConfigError, match=r"several networks: network.c, reid.c.*Name one of them, as model/network.c"):
        read(folder)
    chosen = read(folder / "reid.c")
    assert (chosen.file, chosen.name, chosen.folder) == ("reid", "reid", folder.resolve())
    assert chosen.key != read(folder / "network.c").key, "one build would be the other's"
    assert backend_of(folder / "reid.c") == "aton"


def test_a_header_that_the_network_includes_is_missed(folder: Path) -> None:
    (folder / "network_ecblobs.h").unlink()
    with pytest.raises(ConfigError, match=r"has network.c but no network_ecblobs.h"):
        read(folder)


def test_the_npus_wrapper_alone_is_no_network(folder: Path) -> None:
    (folder / "stai_network.c").write_text(
        '#include "ll_aton_rt_user_api.h"\nstai_return_code stai_network_init(stai_network *n)\n{\n}\n'
    )
    assert read(folder).api == "aton"
    with pytest.raises(ConfigError, match="holds no network"):
        backend_of(folder / "stai_network.c")


def test_code_of_an_old_tool_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "network.c").write_text(
        "ai_error ai_network_create(\n  ai_handle* network, const ai_buffer* c)\n{\n}\n"
    )
    with pytest.raises(ConfigError, match=r"generated by a tool before X-CUBE-AI 7.1"):
        read_generated(tmp_path, "stedgeai")


def test_another_runtime_than_its_own_is_refused_before_it_is_compiled(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"for the NPU's runtime 1.1.3.8, and .*aton has 1.1.0.31"):
        read_generated(folder, "aton", FOLDER / "aton")
    with pytest.raises(ConfigError, match=r"for the NPU's runtime 1.1.0.31"):
        read_generated(FOLDER / "aton" / "network", "aton", FOLDER / "aton3")


@pytest.mark.parametrize(
    ("name", "text", "version"),
    [
        ("network_generate_report.txt", "ST Edge AI Core v2.2.0-20266 2adc00962\nCreated", "2.2.0-20266 2adc00962"),
        ("network_config.h", "#define AI_TOOLS_VERSION_MAJOR 2\n#define AI_TOOLS_VERSION_MINOR 2\n"
         "#define AI_TOOLS_VERSION_MICRO 0\n", "2.2.0"),
        ("README", "", "3.0"),
    ],
)  # fmt: skip
def test_the_tools_version_is_found_without_a_report(name: str, text: str, version: str, folder: Path) -> None:
    assert read(folder).tool_version == "3.0.0-20426 123672867"
    (folder / "network_c_info.json").unlink()
    (folder / name).write_text(text)
    assert read(folder).tool_version == version


@pytest.mark.parametrize(("api", "version"), [("aton3", "3.0"), ("aton4", "4.0.0")])
def test_code_for_the_npu_that_does_not_say_it_has_its_runtimes_version(api: str, version: str, tmp_path: Path) -> None:
    copy = tmp_path / "network"
    shutil.copytree(FOLDER / api / "network", copy)
    assert read_generated(copy, "aton", FOLDER / api).tool_version.startswith(version)
    (copy / "network_c_info.json").unlink()
    change(copy / "network.c", 'GIT_BRANCH      "STAI-3.0"' if api == "aton3" else "GIT_DESCRIPTION", "")
    assert read_generated(copy, "aton", FOLDER / api).tool_version == version


# --- weights ---


@pytest.mark.parametrize("name", ["network_atonbuf.xSPI2.bin", "network_data.xSPI2.bin", "network_atonbuf.xSPI2.raw"])
def test_weights_have_many_names_and_one_address(name: str, folder: Path) -> None:
    (folder / "network_atonbuf.xSPI2.raw").rename(folder / name)
    (folder / "network_atonbuf.AXISRAM5.raw").touch()  # the generator writes one for every pool
    network = read(folder)
    (file,) = network.data_files(0x70000000)
    assert (file.path.name, file.address) == (name, NPU["aton3"])
    assert network.data_bytes == 256


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda path: path.unlink(), "no weights for memory pool octoFlash: network_atonbuf.xSPI2.raw, 1 KiB"),
        (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"), "a pointer of Git LFS"),
    ],
    ids=["missing", "pointer"],
)  # fmt: skip
def test_weights_that_are_not_there_are_missed(spoil: Callable[[Path], None], sentence: str, folder: Path) -> None:
    spoil(folder / "network_atonbuf.xSPI2.raw")
    with pytest.raises(ConfigError, match=sentence):
        read(folder).data_files(0x70000000)


def test_weights_longer_than_their_pool_are_refused(folder: Path) -> None:
    change(folder / "network.c", "size=33554424", "size=255")
    with pytest.raises(ConfigError, match="has 256 bytes, its memory pool octoFlash 255"):
        read(folder).data_files(0x70000000)


def test_hex_data_says_its_address_itself(folder: Path) -> None:
    (folder / "network_atonbuf.xSPI2.raw").unlink()
    (folder / "network_data.hex").write_text(":0400000001020304F2\n:00000001FF\n")
    network = read(folder)
    assert [(file.path.name, file.address) for file in network.data_files(0)] == [("network_data.hex", None)]
    assert network.data_bytes == 4


def test_weights_in_ram_are_linked_in(folder: Path) -> None:
    """A reset takes them: a debugger loads them with the firmware, each time."""
    (folder / "network_atonbuf.AXISRAM5.raw").write_bytes(b"weights")
    network = read(folder)
    ram, flash = sorted(network.data_files(0), key=lambda file: file.address or 0)
    assert (ram.in_ram, flash.in_ram) == (True, False)
    assert network.ram_data == (ram,)
    assert (ram.path.name, ram.address) == ("network_atonbuf.AXISRAM5.raw", 0x342E0000)
    if shutil.which("arm-none-eabi-gcc"):
        change(folder / "network.c", "../../", f"{FOLDER}/")
        image = read_facts(build_firmware(N6, "dsp", "aton", network=network))
        assert Area(0x342E0000, 7) in [Area(area.start, area.end - area.start) for area in image.loaded]


# --- memory pools ---

POOLS = """/* global pool 8 is 2.92 MB */
/* index=8 file postfix=xSPI2 name=octoFlash offset=0x70380000  absolute_mode size=63963128 READ_ONLY THROUGHPUT=MID */
/* global pool 1 is 432.00 KB */
/* index=1 file postfix=AXISRAM5 name=npuRAM5 offset=0x342e0000  absolute_mode size=458752 READ_WRITE */
/* global pool 3 is ? */
/* index=3 file postfix=AXISRAM3 name=npuRAM3 offset=0x34200000  absolute_mode size=458752 READ_WRITE */
/* global pool 11 is 2.30 MB */
/* index=11 file postfix=AXISRAM2_AXISRAM5 name=cpuRAM2_npuRAM5 offset=0x34100000  absolute_mode size=2883576 vpool */
"""


def test_pools_are_read_from_the_comments_and_made_exact_by_the_report() -> None:
    pools = {pool.name: pool for pool in read_pools(POOLS, None)}
    assert pools["octoFlash"].read_only
    assert pools["octoFlash"].used_bytes >= 3065857, "2.92 MB may stand for a little more"
    assert pools["npuRAM3"].used_bytes == 0
    assert pools["cpuRAM2_npuRAM5"].is_view
    info = CInfo(Path("c"), "", None, None, None, None, None, None, (Pool("npuRAM5", 0x342E0000, 458752, 442368),))
    assert {pool.name: pool.used_bytes for pool in read_pools(POOLS, info)}["npuRAM5"] == 442368
    assert [(pool.name, pool.used_bytes) for pool in read_pools("", info)] == [("npuRAM5", 442368)]


def test_without_comments_and_report_the_buffers_say_what_is_used() -> None:
    source = """
      .addr_base = {(unsigned char *)(0x342e0000UL) /* Equivalent hex address = 0x342e0000UL */},
      .offset_start = 0,
      .offset_end = 55296,
      .offset_limit = 55360,
      .addr_base = {(unsigned char *)(0x342e0000UL) /* Equivalent hex address = 0x342e0000UL */},
      .offset_start = 55296,
      .offset_end = 110592,
      .addr_base = {(unsigned char *)(0x70380000UL) /* Equivalent hex address = 0x70380000UL */},
      .offset_start = 0,
      .offset_end = 4,
    """
    (pool,) = read_pools(source, None)
    assert (pool.address, pool.used_bytes) == (0x342E0000, 110592)
    covered = read_pools(POOLS + source, None)
    assert len(covered) == 4, "the pools are known to have them"


# --- placement ---


def test_constants_and_buffers_go_between_the_pools(folder: Path) -> None:
    placement = network_placement(read(folder), N6)
    pools = [
        Area(pool.address, pool.used_bytes) for pool in read(folder).pools if pool.used_bytes and not pool.read_only
    ]
    assert placement.rom is not None
    assert placement.arena is not None
    assert placement.rom.bytes >= 8 * 36000, "the blob"
    areas = [placement.rom, placement.arena, *pools]
    for index, one in enumerate(areas):
        assert one.start >= 0x34100000
        assert one.end <= 0x343C0000
        assert all(one.end <= other.start or other.end <= one.start for other in areas[index + 1 :])


@pytest.mark.parametrize(
    ("pool", "used", "sentence"),
    [
        ("0x34064000", "100.00 KB", "has 101 KiB at 0x34064000, where the firmware of stm32n6/n6570_dk is"),
        ("0x90000000", "1.00 MB", "at 0x90000000, which the firmware of stm32n6/n6570_dk does not switch on"),
        ("0x343b0000", "100.00 KB", "at 0x343b0000, which"),
        ("0x24200000", "1.00 KB", "at 0x24200000, which"),
    ],
)
def test_pools_that_meet_the_firmware_are_refused_from_the_files(
    pool: str, used: str, sentence: str, folder: Path
) -> None:
    (folder / "network_c_info.json").unlink()
    change(folder / "network.c", "pool 4 is ?", f"pool 4 is {used}")
    change(folder / "network.c", "cpuRAM2 offset=0x34100000", f"cpuRAM2 offset={pool}")
    with pytest.raises(ConfigError, match=sentence):
        network_placement(read(folder), N6)


def test_a_network_that_does_not_say_where_its_buffers_are_gets_no_room(folder: Path) -> None:
    (folder / "network_c_info.json").unlink()
    change(folder / "network.c", "/* global pool 1 is 14.06 KB */", "")
    placement = network_placement(read(folder), N6)
    assert placement.rom is None
    assert placement.arena is not None
    assert placement.arena.bytes == 0


def test_full_ram_leaves_blobs_to_the_code(folder: Path) -> None:
    (folder / "network_c_info.json").unlink()
    change(folder / "network.c", "pool 4 is ?", "pool 4 is 2800.00 KB")
    placement = network_placement(read(folder), N6)
    assert placement.rom is None
    assert placement.arena is not None
    assert placement.arena.bytes < 20 << 10


def test_weights_of_the_classic_runtime_get_ram_of_their_own() -> None:
    placement = network_placement(generated("stai"), N6)
    assert placement.rom is not None
    assert placement.arena is not None
    assert placement.rom.end == placement.arena.start
    assert placement.arena.end == 0x343C0000
    assert network_placement(generated("stai"), "stm32h7/nucleo_h743zi2").rom is None


@pytest.mark.parametrize(
    ("board", "bytes_"),
    [("stm32f4/f405", 60 << 10), ("stm32h7/nucleo_h743zi2", 512 << 10), ("stm32h7/h747i_disco", 8 << 20)],
)
def test_activations_longer_than_a_boards_buffers_are_refused(board: str, bytes_: int, tmp_path: Path) -> None:
    """By as many bytes as are missing; without a report nothing is known."""
    copy = tmp_path / "network"
    shutil.copytree(FOLDER / "legacy" / "network", copy)
    report = copy / "network_c_info.json"
    document = json.loads(report.read_text())
    for activations in (bytes_, bytes_ + 1500):
        document["memory_footprint"]["activations"] = activations
        report.write_text(json.dumps(document))
        network = read_generated(copy, "stedgeai", FOLDER / "legacy")
        if activations == bytes_:
            assert network_placement(network, board).rom is None
            continue
        said = rf"network.c \({activations} bytes\) .* {board} \({bytes_} bytes\) are 1500 bytes \(1.5 KiB\) too small"
        with pytest.raises(ConfigError, match=said):
            network_placement(network, board)
    report.unlink()
    assert network_placement(read_generated(copy, "stedgeai", FOLDER / "legacy"), board).arena is None


@pytest.mark.parametrize("kind", ["stai", "legacy"])
def test_cubemxs_application_around_several_networks_is_none(kind: str, tmp_path: Path) -> None:
    copy = tmp_path / "App"
    shutil.copytree(FOLDER / kind / "network", copy)
    (copy / "app_x-cube-ai.c").write_text(
        "STAI_API_ENTRY\nstai_return_code stai_mnetwork_init(const char *name, stai_ptr* network)\n{\n  return 0;\n}\n"
        if kind == "stai"
        else "ai_error ai_mnetwork_create_and_init(const char *name, ai_handle* network)\n{\n}\n"
    )
    assert read_generated(copy, "stedgeai", FOLDER / kind).file == "network"


def test_the_boards_ranges_are_those_of_its_memory_map() -> None:
    text = (FIRMWARE_DIR / "boards" / "stm32n6" / "map.h").read_text()
    assert "#define N6_ARENA 0x34100000u" in text
    assert 0x34100000 + ((1024 + 4 * 448) << 10) == 0x343C0000


# --- what a build says ---


def test_what_does_not_fit_is_one_sentence() -> None:
    lines = [
        "ld: pose_runner.elf section `.text' will not fit in region `CODE'",
        "ld: region `CODE' overflowed by 178944 bytes",
        "ld: region `RAM' overflowed by 85264 bytes",
    ]
    assert build_output.overflow(lines) == (
        "CODE (code and constants) is 178944 bytes (174.8 KiB) too small and RAM (data and stack) is 85264 bytes "
        "(83.3 KiB) too small"
    )
    assert build_output.overflow(["all is well"]) == ""


def test_missing_functions_are_named_and_command_lines_left_out() -> None:
    lines = [f"undefined reference to `forward_{name}'" for name in ("conv2d", "pool", "conv2d", "add", "mul")]
    symbols = build_output.undefined(lines)
    assert build_output.undefined_sentence(symbols) == "forward_conv2d, forward_pool, forward_add and 1 more"
    command = f"/usr/bin/arm-none-eabi-gcc {'-DX ' * 200}-c network.c"
    assert build_output.interesting(["FAILED: network.o", command, "network.c:1: error: no"]) == [
        "FAILED: network.o",
        "network.c:1: error: no",
    ]


def test_a_dry_run_says_what_a_folder_is(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    command = ["build", "--board", "n6", "--network", str(folder), "--vendor", str(FOLDER / "aton3"), "--dry-run"]
    assert main(command) == 0
    said = capsys.readouterr().out
    for part in (
        "for the Neural-ART NPU (aton)",
        "ST Edge AI Core 3.0.0",
        "NPU runtime 1.1.3.8",
        "octoFlash at 0x71000000: 1 KiB of weights",
        "npuRAM5 at 0x342e0000: 15 KiB",
        "1 blobs of the epoch controller, 282 KiB",
        "network_atonbuf.xSPI2.raw to 0x71000000",
        "n6        constants of the network: 0x34100000",
        "n6        buffers: 0x34148000",
    ):
        assert part in said, said
    (folder / "network_atonbuf.xSPI2.raw").unlink()
    assert main(command) == 2
    assert "missing   " in capsys.readouterr().out
    assert main(["build", "--board", "n6", "--dry-run"]) == 2
    assert "Name that with --network" in capsys.readouterr().err


@pytest.mark.parametrize(("library", "code"), [("CM4_GCC", 0), ("CM7_GCC", 2), ("CM4_Keil", 2)])
def test_a_dry_run_misses_the_library_of_the_boards_core(
    library: str, code: int, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    shutil.copytree(FOLDER / "legacy", tmp_path / "AI")
    (tmp_path / "AI" / "Lib").mkdir()
    (tmp_path / "AI" / "Lib" / f"NetworkRuntime1020_{library}.a").touch()
    assert main(["build", "--board", "f405", "--network", str(tmp_path / "AI" / "network"), "--dry-run"]) == code
    said = capsys.readouterr().out
    assert ("missing   " in said) == ("has no runtime library for Cortex-M4 and GCC" in said) == (code == 2)


def test_a_dry_run_says_that_a_board_has_too_little_ram(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    copy = tmp_path / "network"
    shutil.copytree(FOLDER / "legacy" / "network", copy)
    document = json.loads((copy / "network_c_info.json").read_text())
    document["memory_footprint"]["activations"] = 100_000
    (copy / "network_c_info.json").write_text(json.dumps(document))
    command = ["build", "--network", str(copy), "--vendor", str(FOLDER / "legacy"), "--dry-run"]
    assert main([*command, "--board", "f405"]) == 2
    assert "(100000 bytes) do not fit" in capsys.readouterr().out
    assert main([*command, "--board", "h7"]) == 0


@pytest.mark.parametrize("filler", ["\n", " ", "/* global pool 1", ".flags = ", "ai_error ai_a_create(", "#include "])
def test_a_file_of_any_text_is_read_in_little_time(filler: str, folder: Path) -> None:
    """An expression that goes back and forth over a long run of blanks takes hours."""
    path = folder / "network.c"
    path.write_text(path.read_text() + filler * ((1 << 19) // len(filler)))
    started = time.process_time()
    assert read(folder).name == "network"
    assert time.process_time() - started < 10
