"""Every image, checked as a linker cannot: in the memory map, bootable, enough stack, no heap, nothing overlapping."""

from __future__ import annotations

import shutil
from functools import cache

import pytest

from pytest_stm32pose.boards.catalog import BoardSpec, boards
from pytest_stm32pose.firmware import build
from tests.firmware.call_graph import EXCEPTION_FRAME, CallGraph
from tests.firmware.image_facts import Area, ImageFacts, read_facts
from tests.firmware.sizes import TABLE, Sizes, Variant, growth, read_table, render_table, variants_under_test

pytestmark = pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed")

#: What the README promises: the firmware is small. Bytes.
FLASH_LIMIT = 140 << 10
DATA_LIMIT = 40_000
FRAME_LIMIT = 2048
#: Functions of the compiler's and C library (memcpy, 64-bit division, expf), and two exception frames with FPU state.
LIBRARY_STACK = 1024 + 2 * EXCEPTION_FRAME
#: No image runs a convolution on less: a bound below it has missed calls.
MUCH = 2500
#: What the suite allows of the stack to be used (suite/test_5_memory.py).
STACK_SHARE = 0.8
HEAP = {"malloc", "_malloc_r", "calloc", "realloc", "free", "_free_r", "_sbrk", "sbrk", "_sbrk_r", "__malloc_lock"}
HOSTED = {"printf", "exit", "_exit", "abort", "__assert_func", "_write", "_read", "__libc_init_array", "atexit"}
OURS = {"pose_fault_record", "pose_build_id", "__start_pose_kernels", "__stop_pose_kernels"}

VARIANTS = [pytest.param(variant, id=str(variant).replace(" ", "-")) for variant in variants_under_test()]


@cache
def facts_of(variant: Variant) -> ImageFacts:
    return read_facts(variant.build())


def spec_of(variant: Variant) -> BoardSpec:
    return next(spec for spec in boards().values() if spec.firmware == variant.folder)


@pytest.fixture
def facts(variant: Variant) -> ImageFacts:
    return facts_of(variant)


def test_every_board_is_in_the_catalog_and_has_an_image() -> None:
    assert {spec.firmware for spec in boards().values()} == set(build.board_folders())
    tested = {variant.folder for variant in variants_under_test()}
    assert tested == set(build.board_folders())


def _kind_of(area: Area, spec: BoardSpec) -> str:
    regions = [region for region in spec.regions if region.start < area.end and area.start < region.end]
    inside = sum(min(region.end, area.end) - max(region.start, area.start) for region in regions)
    assert inside == area.end - area.start, f"{area} is not inside the memory of {spec.name}"
    [kind] = {region.kind for region in regions}
    return kind


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_image_lies_in_the_boards_memory(variant: Variant, facts: ImageFacts) -> None:
    spec = spec_of(variant)
    assert {_kind_of(area, spec) for area in facts.loaded} == {spec.load}
    for area in facts.running:
        assert _kind_of(area, spec) in ("ram", "flash")
    assert facts.writable
    for area in (*facts.writable, facts.stack):
        assert _kind_of(area, spec) == "ram", f"{area} is not in RAM"


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_vector_table_boots(variant: Variant, facts: ImageFacts) -> None:
    spec = spec_of(variant)
    assert facts.vector_address == min(area.start for area in facts.loaded)
    if spec.load == "flash":
        assert facts.vector_address == next(region.start for region in spec.regions if region.boot)
    # VTOR: aligned to the next power of two of the table's size, at least 128 bytes (Armv7-M, Armv8-M ARM).
    assert facts.vector_address % max(128, 1 << (4 * len(facts.vectors) - 1).bit_length()) == 0
    stack, reset, *others = facts.vectors
    assert stack == facts.stack.end
    assert stack % 8 == 0
    assert reset & ~1 == facts.symbols["pose_reset_handler"] & ~1
    for number, vector in enumerate((reset, *others), 1):
        assert vector & 1, f"vector {number} is no Thumb address"
        assert any(area.start <= vector & ~1 < area.end for area in facts.code), (
            f"vector {number} leads out of the code"
        )


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_stack_is_enough(variant: Variant, facts: ImageFacts) -> None:
    """Our own firmware: the longest way through its calls, and an interrupt on top of it, which no other interrupts.
    Nobody knows the calls of a vendor's runtime; of ours around it each is on the stack once at most."""
    deepest = max(facts.frames.items(), key=lambda item: item[1])
    assert deepest[1] <= FRAME_LIMIT, deepest
    size = facts.stack.end - facts.stack.start
    if variant.backend == "runtime":
        graph = CallGraph(variant.build())
        interrupt = max(graph.depth("irq_handler"), graph.depth("pose_systick_handler"))
        bound = graph.depth("pose_reset_handler") + EXCEPTION_FRAME + interrupt
        assert not graph.unreached()
        assert MUCH <= bound <= STACK_SHARE * size, graph.deepest("pose_reset_handler")
    else:
        assert sum(facts.frames.values()) + LIBRARY_STACK <= size
    for area in facts.writable:
        assert area.what == ".stack" or not facts.stack.overlaps(area)


@pytest.mark.parametrize("variant", VARIANTS)
def test_nothing_is_missing_and_nothing_needs_a_system(variant: Variant, facts: ImageFacts) -> None:
    assert not facts.undefined
    assert facts.symbols.keys() >= OURS
    assert not (HEAP | HOSTED) & facts.symbols.keys()


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_boards_areas_are_the_catalogs_and_do_not_overlap(variant: Variant, facts: ImageFacts) -> None:
    spec, info = spec_of(variant), facts.info
    assert info.name == spec.name
    assert info.mcu == spec.mcu
    if spec.kind == "virtual":  # hardware starts on a safe clock, and says later which one it reached
        assert info.clock_hz == spec.clock_hz
    taken = variant.backend == "stedgeai" and variant.folder.startswith("stm32h7/")  # by weights that are linked in
    network = Area("network", spec.network.address, spec.network.address + (0 if taken else spec.network.bytes))
    assert (info.network.start, info.network.end) == (network.start, network.end)
    mailbox = (0, 0) if spec.mailbox is None else (spec.mailbox.address, spec.mailbox.bytes)
    assert (info.mailbox.start, info.mailbox.end - info.mailbox.start) == mailbox
    assert [area.start % 16 for area in info.areas] == [0] * len(info.areas)
    assert info.slots.start % 32 == 0, "a line of the data cache"
    for area in info.areas:
        assert _kind_of(area, spec) == ("flash" if area.what == "network" else "ram"), area
    used = [*info.areas, *facts.loaded, *facts.writable]
    for index, one in enumerate(used):
        for other in used[index + 1 :]:
            assert not one.overlaps(other), f"{one} overlaps {other}"


@pytest.mark.parametrize("variant", [each for each in VARIANTS if each.values[0].backend == "runtime"])  # type: ignore[union-attr]
def test_the_catalog_says_how_large_a_network_may_be(variant: Variant, facts: ImageFacts) -> None:
    """What boards/fit.py judges by is what the firmware has. A network that is linked in takes its own part of it."""
    for spec in (each for each in boards().values() if each.firmware == variant.folder):
        assert facts.info.slots.end - facts.info.slots.start == spec.slot_bytes
        assert facts.info.arena.end - facts.info.arena.start == spec.arena_bytes
        assert facts.info.network.end - facts.info.network.start == spec.network.bytes


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_network_shares_no_sector_with_the_code(variant: Variant, facts: ImageFacts) -> None:
    """Flashing a network erases whole sectors."""
    region = spec_of(variant).target.region_at(facts.info.network.start, 1)
    assert region is not None
    assert (facts.info.network.start - region.start) % region.sector_bytes == 0


@pytest.mark.parametrize("variant", VARIANTS)
def test_flash_algorithms_run_beside_the_image(variant: Variant, facts: ImageFacts) -> None:
    """A network may be flashed while the firmware is in RAM, which must survive that."""
    spec = spec_of(variant)
    if spec.load != "ram":
        pytest.skip("programming resets this board anyway")
    for region in spec.regions:
        if region.kind == "flash":
            algorithm = Area("algorithm", region.algorithm_address, region.algorithm_address + 4096)
            buffer = Area("buffer", region.buffer_address, region.buffer_address + region.page_bytes)
            for area in (*facts.image, facts.info.arena, facts.info.mailbox):  # a slot's picture is checked by its CRC
                assert not area.overlaps(algorithm), area
                assert not area.overlaps(buffer), area


@pytest.mark.parametrize("variant", VARIANTS)
def test_sizes_are_small_and_those_of_the_table(variant: Variant, facts: ImageFacts) -> None:
    sizes = Sizes.of(facts)
    assert sizes.flash < FLASH_LIMIT
    assert sizes.data < DATA_LIMIT or variant.backend != "runtime"  # what is linked in may bring its own
    assert facts.info.flash_bytes == sizes.flash
    assert (facts.vector_address + sizes.flash) in {area.end for area in facts.loaded}
    assert facts.info.ram_bytes == sizes.data
    assert not (said := growth(variant, sizes, read_table(TABLE.read_text(encoding="utf-8")))), said


def test_the_table_says_when_an_image_outgrows_it() -> None:
    variant = Variant("some/board", "ref")
    table = read_table(render_table({variant: Sizes(1000, 100, 32)}))
    assert growth(variant, Sizes(1050, 105, 32), table) == ""
    assert "flash grew from 1000 to 1051 bytes" in growth(variant, Sizes(1051, 100, 32), table)
    assert "data grew" in growth(variant, Sizes(900, 106, 32), table)
    assert "no row for some/board dsp" in growth(Variant("some/board", "dsp"), Sizes(1, 1, 1), table)
