"""The board catalog: what it says, and how it refuses what is wrong."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_stm32pose.boards.catalog import BoardSpec, board_spec, boards, expand_tags, find_user_file, parse_catalog
from pytest_stm32pose.boards.open import open_board
from pytest_stm32pose.boards.tables import make
from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.probes.base import TargetSpec

HARDWARE = """
[desk]
kind = "hardware"
mcu = "STM32H743ZI"
core = "cortex-m7"
clock_hz = 480_000_000
firmware = "stm32h7/nucleo_h743zi2"
kernels = "dsp"
load = "flash"
transport = "serial"
pyocd_target = "stm32h743zitx"
usb_serial_interface = 1
network = { address = 0x08100000, bytes = 0x00100000 }
regions = [
    { name = "bank", kind = "flash", start = 0x08000000, length = 0x00200000, boot = true, sector_bytes = 0x20000 },
]
"""


def test_the_virtual_boards_and_their_kernel_sets() -> None:
    found = {name: (spec.machine, spec.core, spec.kernels) for name, spec in boards().items() if spec.machine}
    assert found == {
        "qemu-m55": ("mps3-an547", "cortex-m55", "dsp"),
        "qemu-m7": ("mps2-an500", "cortex-m7", "dsp"),
        "qemu-m55-ref": ("mps3-an547", "cortex-m55", "ref"),
        "qemu-m55-mve": ("mps3-an547", "cortex-m55", "mve"),
        "qemu-m7-ref": ("mps2-an500", "cortex-m7", "ref"),
        "qemu-f405": ("netduinoplus2", "cortex-m4", "dsp"),
        "sim-n6": ("twin:n6", "cortex-m55", "dsp"),
        "sim-h7": ("twin:h7", "cortex-m7", "dsp"),
        "sim-h747": ("twin:h747", "cortex-m7", "dsp"),
        "sim-f405": ("twin:f405", "cortex-m4", "dsp"),
    }


@pytest.mark.parametrize("name", list(boards()))
def test_a_board_is_consistent(name: str) -> None:
    spec = board_spec(name)
    assert spec.icount_ns == (32 if spec.kind == "virtual" and not spec.is_twin else 0)
    network = spec.target.region_at(spec.network.address, spec.network.bytes)
    assert network is not None and network.kind == "flash"
    assert spec.mailbox is not None
    mailbox = spec.target.region_at(spec.mailbox.address, spec.mailbox.bytes)
    assert mailbox is not None and mailbox.kind == "ram"
    assert sum(region.boot for region in spec.regions) == 1
    for first, second in zip(spec.regions, sorted(spec.regions, key=lambda r: r.start)[1:], strict=False):
        assert first is second or first.end <= second.start or second.end <= first.start
    assert TargetSpec.from_json(spec.target.to_json()) == spec.target


def test_an_unknown_board_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"'stm32'.*qemu-m55, qemu-m7"):
        open_board("stm32")


def test_the_schema_carries_hardware() -> None:
    spec = parse_catalog(HARDWARE, "boards.toml")["desk"]
    assert (spec.kind, spec.mailbox, spec.icount_ns, spec.target.pyocd_target) == ("hardware", None, 0, "stm32h743zitx")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('kind = "hardware"', 'kind = "paper"', "kind must be one of virtual, hardware"),
        ('load = "flash"', "", "load must be one of"),
        ('load = "flash"', 'load = "flash"\nweights = "sram"', "weights must be one of auto, flash, ram"),
        ('mcu = "STM32H743ZI"', "", "mcu"),
        ('core = "cortex-m7"', 'core = "cortex-m7"\ncolour = "red"', "unknown keys: colour"),
        (", bytes = 0x00100000 }", " }", "bytes"),
        ("[desk]", '[desk]\nlike = "chair"', "is like 'chair'"),
        ("[desk]", "[desk", "not valid TOML"),
        ("[desk]", f"baud = {'9' * 5000}\n[desk]", "not valid TOML"),
    ],
)
def test_a_wrong_catalog_is_refused_by_file_board_and_key(old: str, new: str, said: str) -> None:
    with pytest.raises(ConfigError, match=r"boards\.toml") as caught:
        parse_catalog(HARDWARE.replace(old, new), "boards.toml")
    assert said in str(caught.value)


# --- the user's boards.toml ---

BENCH = """
[desk]
like = "qemu-m55"
probe = "mine"
serial = "socket://127.0.0.1:4000@115200"
tags = ["lab", "quick"]

[shelf]
like = "desk"
probe = "other"
tags = ["lab"]
"""


@pytest.fixture
def user_file(tmp_path: Path) -> Path:
    path = tmp_path / "boards.toml"
    path.write_text(BENCH)
    return path


def test_a_bench_is_a_board_with_what_is_its_own(user_file: Path) -> None:
    desk, base = board_spec("desk", user_file), board_spec("qemu-m55")
    assert (desk.probe, desk.serial, desk.baud, desk.tags) == (
        "mine",
        "socket://127.0.0.1:4000",
        115200,
        ("lab", "quick"),
    )
    assert (desk.regions, desk.network, desk.firmware, desk.kernels) == (
        base.regions, base.network, base.firmware, base.kernels,
    )  # fmt: skip
    assert board_spec("shelf", user_file).baud == 115200
    assert desk.exists_once and not base.exists_once
    assert "desk" not in boards()
    with pytest.raises(ConfigError, match="Did you mean desk"):
        board_spec("dsek", user_file)


def test_a_tag_names_every_board_that_has_it(user_file: Path) -> None:
    assert expand_tags(["tag:lab"], user_file) == ("desk", "shelf")
    assert expand_tags(["qemu-m7", "tag:quick", "tag:lab"], user_file) == ("qemu-m7", "desk", "shelf")
    with pytest.raises(ConfigError, match=r"tag 'slow'\. Known tags: lab, quick"):
        expand_tags(["tag:slow"], user_file)


def test_the_first_file_found_counts(tmp_path: Path) -> None:
    root, home = tmp_path / "root", tmp_path / "home"
    (home / ".config/stm32pose").mkdir(parents=True)
    root.mkdir()
    environ = {"HOME": str(home)}
    assert find_user_file(None, root, environ=environ) is None
    (home / ".config/stm32pose/boards.toml").touch()
    assert find_user_file(None, root, environ=environ) == home / ".config/stm32pose/boards.toml"
    assert find_user_file(None, root, environ={**environ, "XDG_CONFIG_HOME": str(tmp_path)}) is None
    (tmp_path / "boards.toml").touch()
    assert find_user_file(None, root, tmp_path, environ=environ) == tmp_path / "boards.toml"
    (root / "boards.toml").touch()
    assert find_user_file(None, root, tmp_path, environ=environ) == root / "boards.toml"
    assert find_user_file(None, root, environ=environ) == root / "boards.toml"
    assert find_user_file(None, root, environ={**environ, "STM32POSE_BOARDS_FILE": "/x.toml"}) == Path("/x.toml")
    assert find_user_file(Path("/y.toml"), root, environ={**environ, "STM32POSE_BOARDS_FILE": "/x.toml"}) == Path(
        "/y.toml"
    )
    with pytest.raises(ConfigError, match=r"x\.toml cannot be read: No such file"):
        boards(tmp_path / "x.toml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[desk]\nlike = "qemu-m5"', "board desk is like 'qemu-m5'.* Did you mean qemu-m55"),
        ('[a]\nlike = "b"\n[b]\nlike = "a"', "board a is like 'a'"),
        ('[desk]\nlike = "qemu-m55"\nprob = "1"', "board desk has unknown keys: prob. Did you mean probe"),
        ('[desk]\nlike = "qemu-m55"\nprobe = 1', "board desk: probe must be text in quotes, not 1"),
        ('[desk]\nlike = "qemu-m55"\nclock_hz = true', "clock_hz must be a whole number"),
        ('[desk]\nlike = "qemu-m55"\ntags = "lab"', "tags must be a list"),
        ('[desk]\nlike = "qemu-m55"\ntags = ["lab", 1]', r"tags\[1\] must be text"),
        ('[desk]\nlike = "qemu-m55"\nnetwork = { address = 1 }', "board desk: network is incomplete: bytes missing"),
        (
            '[desk]\nlike = "qemu-m55"\nregions = [{ naem = "x" }]',
            r"regions\[0\] has unknown keys: naem. Did you mean name",
        ),
        ('[desk]\nlike = "qemu-m55"\npower_cycle = ["hub"]', "power_cycle is for hardware"),
        ('[qemu-m7]\nlike = "f405"', "'qemu-m7' is a board of the catalog"),
        ('[desk]\nlike = "f405"\npower_cycle = "hub off"', "power_cycle must be a list, not 'hub off'"),
        ('[desk]\nlike = "f405"\npower_timeout_s = 0', "power_timeout_s must be more than 0"),
        ('["a,b"]\nlike = "qemu-m55"', "'a,b' is no name of letters"),
        ("desk = 1", "desk must be a table"),
    ],
)
def test_a_wrong_bench_is_refused_by_file_board_and_key(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "boards.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=rf"boards\.toml.*({said})"):
        boards(path)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from([field.name for field in fields(BoardSpec)]) | st.text(max_size=8)


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_any_table_is_a_board_or_one_sentence(table: dict[str, Any]) -> None:
    """Over a complete board, so that every key is reached."""
    spec = board_spec("qemu-m55")
    whole = {field.name: getattr(spec, field.name) for field in fields(BoardSpec)} | {
        "regions": [asdict(region) for region in spec.regions], "network": asdict(spec.network), "mailbox": None,
        "device_id": None,
    }  # fmt: skip
    whole = {
        key: list(value) if isinstance(value, tuple) else value for key, value in whole.items() if value is not None
    }
    del whole["name"]
    try:
        made = make(BoardSpec, {**whole, **table}, "boards.toml: board x", given={"name": "x"})
    except ConfigError as error:
        assert "boards.toml: board x" in str(error)
    else:
        assert all(getattr(made, key) == value for key, value in table.items() if isinstance(value, (str, int)))
