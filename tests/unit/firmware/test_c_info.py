"""ST's report of the code generation, as its tools of 1.0 to 4.0 write it: null is unknown, nothing hostile gets by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_stm32pose.bench.linked import footprint_budgets
from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.firmware.c_info import MAX_TEXT, MAX_VALUE, CInfo, read_c_info
from tests.support.shared_data import shared_dir

#: As tools of 2.1 write it for the NPU.
NPU: dict[str, Any] = {
    "json_schema_version": "2.0",
    "environment": {
        "tools": [
            {"name": "ATONN Compiler", "version": "1.1.0-31"},
            {"name": "ST.EdgeAI.Core", "version": "2.1.0-20194 329b0e98d", "input_model": {"name": "pose"}},
        ]
    },
    "memory_footprint": {
        "activations": 245760, "io": [0, 0], "kernel_flash": None, "kernel_ram": None, "series": "generic",
        "toolchain": None, "toolchain_flash": None, "toolchain_ram": None, "weights": 367233,
    },
    "memory_pools": [],
    "graphs": [{"nodes": [{"macc": 0}, {"macc": None}, {}]}],
}  # fmt: skip


def read(tmp_path: Path, **changes: Any) -> CInfo:
    path = tmp_path / "network_c_info.json"
    path.write_text(json.dumps({**NPU, **changes}))
    return read_c_info(path)


def footprint(**changes: Any) -> dict[str, Any]:
    return {"memory_footprint": {**NPU["memory_footprint"], **changes}}


def test_null_is_unknown_and_never_0(tmp_path: Path) -> None:
    info = read(tmp_path)
    assert (info.kernel_flash_bytes, info.kernel_ram_bytes, info.macc, info.blobs) == (None, None, None, None)
    assert (info.weights_bytes, info.activations_bytes, info.io_bytes) == (367233, 245760, 0)
    assert (info.tool_version, info.model_name, info.nodes) == ("2.1.0-20194 329b0e98d", "pose", 3)
    unknown = read(tmp_path, **footprint(weights=None, activations=None, io=[16, None]))
    assert (unknown.weights_bytes, unknown.activations_bytes, unknown.io_bytes) == (None, None, None)
    assert footprint_budgets(unknown, on_npu=False, weights_linked=True) == ()


@pytest.mark.parametrize(
    ("changes", "flash"),
    [
        ({"kernel_flash": 9612, "toolchain_flash": 0}, 9612),
        ({"kernel_flash": 9612, "toolchain_flash": 100, "extra_flash": 28}, 9740),
        ({"kernel_flash": 9612, "toolchain_flash": None}, None),
        ({"kernel_flash": None, "toolchain_flash": 100}, None),
    ],
)
def test_a_sum_is_known_when_its_parts_are(changes: dict[str, Any], flash: int | None, tmp_path: Path) -> None:
    assert read(tmp_path, **footprint(**changes)).kernel_flash_bytes == flash


@pytest.mark.parametrize("lacking", ["memory_pools", "graphs", "environment"])
def test_what_a_version_does_not_write_is_unknown(lacking: str, tmp_path: Path) -> None:
    """4.0 has no memory_accesses and no power_estimates either, which nothing reads."""
    for document in ({key: value for key, value in NPU.items() if key != lacking}, {**NPU, lacking: None}):
        path = tmp_path / "network_c_info.json"
        path.write_text(json.dumps(document))
        assert read_c_info(path).weights_bytes == 367233


@pytest.mark.parametrize(
    ("address", "known"),
    [
        ("875888640", 0x34350000),
        ("0x34350000", 0x34350000),
        (0x34350000, 0x34350000),
        ("NULL", None),
        (None, None),
        ("_mem_pool__user_io_output_0", None),
        ("", None),
    ],
)
def test_an_address_is_a_number_or_the_linkers_business(address: Any, known: int | None, tmp_path: Path) -> None:
    pool = {"name": "npuRAM6", "address": address, "size_bytes": -1, "used_size_bytes": 12}
    (found,) = read(tmp_path, memory_pools=[pool]).pools
    assert (found.address, found.size_bytes, found.used_bytes) == (known, None, 12)


def test_blobs_are_counted(tmp_path: Path) -> None:
    assert read(tmp_path, ec_blobs_info=[]).blobs == 0
    assert read(tmp_path, ec_blobs_info=[{"name": "_ec_blob_1"}, {}]).blobs == 2


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (footprint(weights=-1), "memory_footprint.weights is -1"),
        (footprint(weights="12"), "memory_footprint.weights is '12'"),
        (footprint(weights=1.5), "memory_footprint.weights is 1.5"),
        (footprint(activations=float("nan")), "memory_footprint.activations is nan"),
        (footprint(kernel_flash=MAX_VALUE), "kernel_flash is"),
        (footprint(io="x"), "memory_footprint.io is 'x'"),
        ({"memory_pools": [{"address": "9" * 30}]}, r"memory_pools\[\].address is"),
        ({"memory_pools": [{"address": "34zz"}]}, r"memory_pools\[\].address is '34zz'"),
        ({"memory_pools": [{"used_size_bytes": -2}]}, "used_size_bytes is -2"),
        ({"memory_pools": [{"size_bytes": True}]}, "size_bytes is True"),
        ({"memory_pools": {}}, "memory_pools is not a list"),
        ({"ec_blobs_info": 3}, "ec_blobs_info is not a list"),
        ({"graphs": [{"nodes": 3}]}, r"graphs\[0\].nodes is not a list"),
        ({"environment": {"tools": [3]}}, r"environment.tools\[\] is not an object"),
        ({"json_schema_version": "9" * 10_000}, "has json_schema_version '999"),
        ({"json_schema_version": 2.0}, "has json_schema_version 2.0"),
    ],
)
def test_what_cannot_be_is_one_short_sentence(changes: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=sentence) as caught:
        read(tmp_path, **changes)
    assert len(str(caught.value)) < len(str(tmp_path)) + 2 * MAX_TEXT + 200
    assert "\n" not in str(caught.value)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(key=st.sampled_from([*NPU, "ec_blobs_info"]), value=anything)
def test_nothing_else_gets_out(key: str, value: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("c_info") / "network_c_info.json"
    path.write_text(json.dumps({**NPU, key: value}))
    try:
        read_c_info(path)
    except ConfigError as error:
        assert str(path) in str(error)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe{", b"\x00" * 10, b'{"a":' + b"1" * 5000 + b"}", b"[" * 100_000])
def test_a_file_that_is_no_report_is_said(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "network_c_info.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"not valid JSON|not an object|no json_schema_version"):
        read_c_info(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_c_info(tmp_path)


def test_every_sample_gives_budgets() -> None:
    shared = shared_dir()
    samples = sorted((shared / "data" / "st_c_info").glob("*_network_c_info.json")) if shared else []
    if not samples:
        pytest.skip("the samples of ST's reports are not here (tests/support/shared_data.py)")
    for path in samples:
        info = read_c_info(path)
        assert info.tool_version.startswith(path.name[:3])
        names = {each.name for each in footprint_budgets(info, on_npu="-n6_" in path.name, weights_linked=False)}
        assert "weights_kib_max" in names
        assert "-n6_" in path.name or names == {"activation_kib_max", "weights_kib_max", "firmware_flash_kib_max"}
