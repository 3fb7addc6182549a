"""The parameter blocks that the rules pack are the structs that the kernels read: compared with the compiler's own
description (DWARF) of the host library, field by field, and with the constants of firmware/kernels/params.h."""

from __future__ import annotations

import re
import struct
from typing import Any

import pytest
from elftools.dwarf.die import DIE
from elftools.elf.elffile import ELFFile

from pytest_stm32pose.firmware.build import FIRMWARE_DIR, build_host_library
from pytest_stm32pose.network.ops import (
    addition,
    arg_max,
    arithmetic,
    batch_matmul,
    convolution,
    depthwise_conv_2d,
    fully_connected,
    gather,
    joints,
    l2_normalization,
    mul,
    padding,
    pooling,
    prelu,
    quantize,
    reductions,
    resize_bilinear,
    resize_nearest_neighbor,
    softmax,
    squared_difference,
    tables,
    walks,
)

TWINS = {
    "pose_dense_params": fully_connected.PARAMS,
    "pose_product_params": fully_connected.PRODUCT_PARAMS,
    "pose_matmul_params": batch_matmul.PARAMS,
    "pose_reduction_params": reductions.PARAMS,
    "pose_gather_params": gather.PARAMS,
    "pose_mirror_params": padding.PARAMS,
    "pose_prelu_params": prelu.PARAMS,
    "pose_norm_params": l2_normalization.PARAMS,
    "pose_difference_params": squared_difference.PARAMS,
    "pose_dimension_params": arg_max.PARAMS,
    "pose_conv_params": convolution.PARAMS,
    "pose_add_params": addition.PARAMS,
    "pose_pad_params": padding.PARAMS,
    "pose_resize_params": resize_bilinear.PARAMS,
    "pose_table_params": tables.PARAMS,
    "pose_affine_params": quantize.PARAMS,
    "pose_range_params": arithmetic.PARAMS,
    "pose_mul_params": mul.PARAMS,
    "pose_walk_params": walks.PARAMS,
    "pose_axis_params": joints.PARAMS,
    "pose_pool_params": pooling.PARAMS,
    "pose_nearest_params": resize_nearest_neighbor.PARAMS,
    "pose_softmax_params": softmax.PARAMS,
}
CONSTANTS = {
    "POSE_MATMUL_MAX_DEPTH": batch_matmul.MAX_DEPTH,
    "POSE_REDUCTION_MAX_ELEMENTS": reductions.MAX_ELEMENTS,
    "POSE_CONV_ROW_GROUP": convolution.ROW_GROUP,
    "POSE_CONV_TILE_GROUP": convolution.TILE_GROUP,
    "POSE_CONV_MAX_BLOCK_PIXELS": convolution.MAX_BLOCK_PIXELS,
    "POSE_CONV_MAX_TAPS": convolution.MAX_TAPS,
    "POSE_CONV_RIGHT_SHIFTS": convolution.RIGHT_SHIFTS,
    "POSE_DEPTHWISE_MAX_WINDOW": depthwise_conv_2d.MAX_WINDOW,
    "POSE_NORM_MAX_DEPTH": l2_normalization.MAX_DEPTH,
    "POSE_MUL_MAX_SHIFT": mul.MAX_SHIFT,
    "POSE_POOL_MAX_WINDOW": pooling.MAX_WINDOW,
    "POSE_SOFTMAX_MAX_DEPTH": softmax.MAX_DEPTH,
}
#: DWARF base type (encoding, bytes) -> struct code. Encodings: 4 float, 5 and 6 signed, 7 and 8 unsigned.
_CODES = {(4, 4): "f", (5, 4): "i", (7, 4): "I", (5, 2): "h", (7, 2): "H", (6, 1): "b", (8, 1): "B"}


def c_layouts() -> dict[str, tuple[int, list[tuple[int, str]]]]:
    """Struct name -> (bytes, [(offset, struct code) of every scalar but the reserved ones])."""
    found: dict[str, tuple[int, list[tuple[int, str]]]] = {}
    with build_host_library("ref").open("rb") as file:
        for unit in ELFFile(file).get_dwarf_info().iter_CUs():
            for die in unit.iter_DIEs():
                name = _text(die, "DW_AT_name")
                if die.tag == "DW_TAG_structure_type" and name in TWINS and "DW_AT_byte_size" in die.attributes:
                    members = [m for m in die.iter_children() if _text(m, "DW_AT_name") != "reserved"]
                    fields = [field for member in members for field in _scalars(member)]
                    found[name] = (die.attributes["DW_AT_byte_size"].value, fields)
    return found


def _text(die: DIE, attribute: str) -> str:
    return die.attributes[attribute].value.decode() if attribute in die.attributes else ""


def _scalars(member: DIE) -> list[tuple[int, str]]:
    """A member's scalars; arrays are taken apart."""
    offset = int(member.attributes["DW_AT_data_member_location"].value)
    kind, count = _bare(member.get_DIE_from_attribute("DW_AT_type")), 1
    if kind.tag == "DW_TAG_array_type":
        count = next(iter(kind.iter_children())).attributes["DW_AT_upper_bound"].value + 1
        kind = _bare(kind.get_DIE_from_attribute("DW_AT_type"))
    size = kind.attributes["DW_AT_byte_size"].value
    code = _CODES[kind.attributes["DW_AT_encoding"].value, size]
    return [(offset + i * size, code) for i in range(count)]


def _bare(kind: DIE) -> DIE:
    while kind.tag in ("DW_TAG_typedef", "DW_TAG_const_type"):
        kind = kind.get_DIE_from_attribute("DW_AT_type")
    return kind


def python_layout(packer: struct.Struct) -> tuple[int, list[tuple[int, str]]]:
    """The same of a struct.Struct."""
    fields, offset = [], 0
    for count, code in re.findall(r"(\d*)([a-zA-Z])", packer.format.removeprefix("<")):
        for _ in range(int(count or 1)):
            if code != "x":
                fields.append((offset, code))
            offset += struct.calcsize("<" + code)
    return packer.size, fields


@pytest.fixture(scope="module")
def layouts() -> dict[str, Any]:
    return c_layouts()


@pytest.mark.parametrize("name", TWINS)
def test_same_layout(name: str, layouts: dict[str, Any]) -> None:
    assert TWINS[name].format.startswith("<")
    assert python_layout(TWINS[name]) == layouts[name]


def test_every_struct_has_a_twin() -> None:
    header = (FIRMWARE_DIR / "kernels" / "params.h").read_text()
    assert set(re.findall(r"^struct (\w+) \{", header, re.MULTILINE)) == set(TWINS)


@pytest.mark.parametrize("name", CONSTANTS)
def test_same_constants(name: str) -> None:
    header = (FIRMWARE_DIR / "kernels" / "params.h").read_text()
    value = re.search(rf"#define {name} (\d+)u", header)
    assert value is not None
    assert int(value[1]) == CONSTANTS[name]
