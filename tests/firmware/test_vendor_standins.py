"""The stand-ins of ST's packages refuse what the real ones refuse: ways of building that do not work with ST's own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from pytest_stm32pose.firmware.build import FIRMWARE_DIR
from tests.firmware.vendor_network import FOLDER

ATON = FIRMWARE_DIR / "backends" / "aton"
DEVICES = {"aton": "STM32N6XX", "aton3": "STM32N6xx", "aton4": "STM32N6xx"}
CHOSEN = {
    "LL_ATON_PLATFORM": "LL_ATON_PLAT_STM32N6",
    "LL_ATON_OSAL": "LL_ATON_OSAL_BARE_METAL",
    "LL_ATON_RT_MODE": "LL_ATON_RT_ASYNC",
    "LL_ATON_EB_DBG_INFO": "1",
    "LL_ATON_DBG_BUFFER_INFO_EXCLUDED": "1",
    "NDEBUG": "1",
}
ARM = ("arm-none-eabi-gcc", "-mcpu=cortex-m55", "-mthumb", "-mcmse")
needs_arm = pytest.mark.skipif(shutil.which(ARM[0]) is None, reason="arm-none-eabi-gcc is not installed")
every = pytest.mark.parametrize("generation", DEVICES)


def includes(generation: str, *first: Path) -> list[Path]:
    npu = FOLDER / generation / "Npu"
    return [*first, npu / "ll_aton", npu / "Devices" / DEVICES[generation], ATON / "hal", ATON / "cmsis"]


def compiled(
    source: Path, folders: list[Path], output: Path, *, compiler: tuple[str, ...] = ARM, **other: str | None
) -> str:
    """What the compiler says; "" when it compiles. `other`: definitions that differ, None for none."""
    chosen = {key: value for key, value in {**CHOSEN, **other}.items() if value is not None}
    quiet = () if any(flag.startswith("-Werror") for flag in compiler) else ("-w",)
    command = [*compiler, "-std=gnu11", *quiet, "-c", *(f"-D{key}={value}" for key, value in chosen.items())]
    command += [*(f"-I{folder}" for folder in folders), "-o", str(output), str(source)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


def runtime(generation: str) -> Path:
    return FOLDER / generation / "Npu" / "ll_aton" / "ll_aton_runtime.c"


@needs_arm
@every
def test_as_the_build_does_it_they_compile(generation: str, tmp_path: Path) -> None:
    for source in (runtime(generation), FOLDER / generation / "network" / "network.c"):
        assert compiled(source, includes(generation), tmp_path / "x.o") == ""


@needs_arm
@every
def test_the_non_secure_npu_is_refused(generation: str, tmp_path: Path) -> None:
    said = compiled(runtime(generation), includes(generation), tmp_path / "x.o", compiler=ARM[:-1])
    assert "non-secure alias" in said


@needs_arm
def test_the_older_one_wants_the_hal(tmp_path: Path) -> None:
    without = [folder for folder in includes("aton") if folder.name != "hal"]
    assert "stm32n6xx_hal.h" in compiled(runtime("aton"), without, tmp_path / "x.o")
    (tmp_path / "stm32n6xx_hal.h").write_text('#include "stm32n6xx.h"\n')
    said = compiled(runtime("aton"), [tmp_path, *without], tmp_path / "x.o")
    assert "NPU_END_OF_EPOCH_IRQn" in said, "without a version of the HAL the interrupts have their old names"


@needs_arm
def test_other_microcontrollers_headers_come_first_in_a_glob(tmp_path: Path) -> None:
    other = FOLDER / "aton3" / "Npu" / "Devices" / "STM32H7xx"
    assert "Of another microcontroller" in compiled(runtime("aton3"), includes("aton3", other), tmp_path / "x.o")


@needs_arm
@every
def test_a_glob_takes_what_nothing_compiles(generation: str, tmp_path: Path) -> None:
    template = runtime(generation).with_name("ll_aton_osal_rtos_template.c")
    assert "nothing can compile" in compiled(template, includes(generation), tmp_path / "x.o")
    cache = FOLDER / generation / "Npu" / "Devices" / DEVICES[generation] / "npu_cache.c"
    assert "stm32n6xx_hal_cacheaxi.h" in compiled(cache, includes(generation), tmp_path / "x.o")


@needs_arm
def test_the_older_one_has_no_wrappers_around_a_networks_buffers(tmp_path: Path) -> None:
    source = tmp_path / "old.c"
    source.write_text(
        '#include "ll_aton_runtime.h"\n'
        "const void *f(NN_Instance_TypeDef *nn) { return LL_ATON_Output_Buffers_Info(nn); }\n"
    )
    warn = (*ARM, "-Werror=implicit-function-declaration")
    assert "LL_ATON_Output_Buffers_Info" in compiled(source, includes("aton"), tmp_path / "x.o", compiler=warn)
    assert compiled(source, includes("aton3"), tmp_path / "x.o", compiler=warn) == ""


@needs_arm
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("const EpochBlock_ItemTypeDef *block;", "EpochBlock_ItemTypeDef"),
        ("void f(NN_Instance_TypeDef *nn) { LL_ATON_RT_SetEpochCallback(0, nn); }", "LL_ATON_RT_SetEpochCallback"),
        ("static void end(const void *b) {}\nLL_ATON_RT_EpochBlockItem_t block = {.end_epoch_block = end};",
         "incompatible"),
        ("void f(void) { (void)mcu_cache_clean_range(0, 0); }", "mcu_cache_clean_range"),
    ],
    ids=["type", "setter", "arguments", "caches"],
)  # fmt: skip
def test_the_newest_one_has_lost_what_the_older_ones_have(line: str, said: str, tmp_path: Path) -> None:
    source = tmp_path / "old.c"
    source.write_text(f'#include "ll_aton_runtime.h"\n{line}\n')
    warn = (*ARM, "-Werror=implicit-function-declaration", "-Werror=incompatible-pointer-types")
    assert compiled(source, includes("aton3"), tmp_path / "x.o", compiler=warn) == ""
    assert said in compiled(source, includes("aton4"), tmp_path / "x.o", compiler=warn)


@needs_arm
@every
def test_buffers_debug_information_does_not_fit_beside_a_firmware(generation: str, tmp_path: Path) -> None:
    output = tmp_path / "network.o"
    source = FOLDER / generation / "network" / "network.c"
    assert compiled(source, includes(generation), output, LL_ATON_DBG_BUFFER_INFO_EXCLUDED=None) == ""
    sizes = subprocess.run(["arm-none-eabi-size", str(output)], capture_output=True, text=True, check=True).stdout
    assert int(sizes.splitlines()[1].split()[0]) > 447 << 10


MAIN = """
#include "ll_aton_runtime.h"
#include <stdio.h>
LL_ATON_DECLARE_NAMED_NN_INSTANCE_AND_INTERFACE(THE_NETWORK)
extern int8_t standin_flash[256];
static _Alignas(32) unsigned char output[4096];
int main(void)
{
    for (int i = 0; i < 256; i++) {
        standin_flash[i] = 7;
    }
    LL_ATON_RT_RuntimeInit();
    LL_ATON_RT_Init_Network(&NN_Instance_THE_NETWORK);
    NN_Instance_THE_NETWORK.network->output_setter(0, output, sizeof output);
    while (LL_ATON_RT_RunEpochBlock(&NN_Instance_THE_NETWORK) != LL_ATON_RT_DONE) {
    }
    printf("%d", output[0]);
}
"""


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
@every
@pytest.mark.parametrize(("mode", "first"), [("LL_ATON_RT_ASYNC", "7"), ("LL_ATON_RT_POLLING", "0")])
def test_polling_leaves_the_epoch_controllers_work_undone(
    generation: str, mode: str, first: str, tmp_path: Path
) -> None:
    """Silently, as the real runtime does where NDEBUG is defined."""
    main = tmp_path / "main.c"
    main.write_text(MAIN.replace("THE_NETWORK", "Default" if generation == "aton" else "network"))
    sources = [main, runtime(generation), FOLDER / generation / "network" / "network.c"]
    objects = [tmp_path / f"{index}.o" for index in range(len(sources))]
    for source, output in zip(sources, objects, strict=True):
        said = compiled(source, includes(generation), output, compiler=("gcc",), LL_ATON_RT_MODE=mode)
        assert "error" not in said, said
    program = tmp_path / "program"
    subprocess.run(["gcc", "-o", str(program), *map(str, objects)], check=True)
    assert subprocess.run([str(program)], capture_output=True, text=True, check=True).stdout == first
