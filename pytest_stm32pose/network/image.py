"""The network image's binary layout, in Python: structs, numbers, and a reader that verifies an image.

Normative: firmware/NETWORK_IMAGE.md; C twin: firmware/include/pose/image.h.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.types import Decoding, Layout

MAGIC = 0x314E4D50
VERSION = 4
MAX_RANK = 6
NO_TENSOR = 0xFFFF
MAX_OPERANDS = 1024  #: of one operator, inputs and outputs together
FEW_OPERANDS = 32  #: of one operator; more are resolved in the arena
OPERAND_BYTES = 16  #: of the arena for each operand then
MAX_PARAMS_BYTES = 0xFFFF  #: of one operator
MAX_OUTPUTS = 8
MAX_TENSORS = 4096
ALIGN = 16

HEADER = struct.Struct("<IHHII32s64sQIIIIIIIIIIIHH8H24s")
DECODING = struct.Struct("<BBHBBBBBBHHHff")
TENSOR = struct.Struct("<4BII6IfiI")
OP = struct.Struct("<HHHHHHIIIII")
CRC_OFFSET = 12

assert (HEADER.size, DECODING.size, TENSOR.size, OP.size) == (208, 24, 48, 32)

DTYPES = {"int8": 1, "uint8": 2, "int16": 3, "int32": 4, "int64": 5, "float32": 6, "bool": 7}
DTYPE_NAMES = {number: name for name, number in DTYPES.items()}
#: Families that a device decodes.
FAMILIES = {"none": 0, "heatmap": 1, "single_pose": 2, "yolo": 3, "heatmap_offsets": 4, "single_pose_xy": 5, "simcc": 6,
            "landmarks": 7, "multipose": 8, "yolo_end_to_end": 9}  # fmt: skip
FAMILY_NAMES = {number: name for name, number in FAMILIES.items()}

#: Those whose persons have a score each.
SEVERAL_PERSONS = ("yolo", "yolo_end_to_end", "multipose")
#: Of a decoding that names one output only.
NO_OUTPUT = 0xFF
ROWS_FIRST, PIXELS, SIGMOID = 1, 2, 4

IN_ARENA, IN_IMAGE, IN_SLOT = 0, 1, 2
OP_IN_PLACE, OP_STREAMED = 1, 2


@dataclass(frozen=True)
class ImageTensor:
    """One row of the tensor table."""

    dtype: str
    storage: int  #: IN_ARENA, IN_IMAGE, IN_SLOT
    offset: int
    nbytes: int
    shape: tuple[int, ...]
    scale: float
    zero_point: int
    source: int  #: tensor index in the .tflite
    rows_held: int = 0  #: 0: all of it; otherwise the rows of it that the arena holds at a time

    @property
    def held_bytes(self) -> int:
        """Bytes that it takes where it is stored."""
        return self.nbytes // self.shape[1] * self.rows_held if self.rows_held else self.nbytes


@dataclass(frozen=True)
class ImageOp:
    """One row of the operator table; `inputs` and `outputs` index the tensor table, NO_TENSOR is absent."""

    opcode: int
    source: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    params: bytes
    scratch_offset: int
    scratch_bytes: int
    macs: int
    in_place: bool  #: output 0 lies where input 0 did
    streamed: bool  #: runs together with the next one, some rows at a time


@dataclass(frozen=True)
class NetworkImage:
    """A network image, read and verified."""

    name: str
    model_sha256: str
    crc32: int
    image_bytes: int
    macc: int
    arena_bytes: int
    family: str
    keypoints: int
    decoding: bytes  #: DECODING
    consts_bytes: int
    params_bytes: int
    tensors: tuple[ImageTensor, ...]
    ops: tuple[ImageOp, ...]
    input_tensor: int
    output_tensors: tuple[int, ...]


def operand_room(count: int) -> int:
    """Bytes of the arena, behind its scratch, in which the device resolves the operands of one operator."""
    return count * OPERAND_BYTES if count > FEW_OPERANDS else 0


def pack_decoding(family: str, keypoints: int, layout: Layout, decoding: Decoding) -> bytes:
    """DECODING of a family; zeros for "none" and what else only the host decodes.

    Raises:
        ModelError: a number does not fit its field.
    """
    if not FAMILIES.get(family):
        return bytes(DECODING.size)
    flags = ROWS_FIRST * layout.rows_first | PIXELS * layout.pixels | SIGMOID * layout.sigmoid
    outputs = (*(layout.outputs or (0,)), NO_OUTPUT)[:2]
    size = layout.input_size if layout.pixels else (0, 0)
    try:
        return DECODING.pack(
            FAMILIES[family], layout.values, keypoints, layout.classes, flags, layout.step, *outputs, 0,
            decoding.max_persons, *size, decoding.score, decoding.nms_iou,
        )  # fmt: skip
    except struct.error:
        raise ModelError(f"{keypoints} keypoints of family {family} do not fit a network image.") from None


def image_crc32(image: bytes | bytearray) -> int:
    """CRC-32 of an image with its CRC field read as 0."""
    crc = zlib.crc32(image[:CRC_OFFSET])
    crc = zlib.crc32(b"\0\0\0\0", crc)
    return zlib.crc32(image[CRC_OFFSET + 4 :], crc)


def image_length(header: bytes) -> int:
    """Bytes of the image that starts with these HEADER.size bytes; 0 when it is no image of this version."""
    magic, version, header_bytes, image_bytes = HEADER.unpack(header)[:4]
    return int(image_bytes) if (magic, version, header_bytes) == (MAGIC, VERSION, HEADER.size) else 0


def image_parts(image: bytes) -> list[tuple[str, int, int]]:
    """(what, offset, bytes) of what an image consists of, by offset; with the padding behind each, all of it."""
    fields = HEADER.unpack_from(image)
    starts = sorted(
        [("header", 0), ("constants", fields[17]), ("parameters", fields[15]), ("operands", fields[14]),
         ("operator table", fields[12]), ("tensor table", fields[10])],
        key=lambda part: part[1],
    )  # fmt: skip
    ends = [*(start for _, start in starts[1:]), len(image)]
    return [(what, start, end - start) for (what, start), end in zip(starts, ends, strict=True) if end > start]


def parse_image(image: bytes) -> NetworkImage:
    """Reads a whole image: magic, version, length, CRC and table bounds.

    The device checks more (runtime/): operand rules, arena bounds, kernels.

    Raises:
        ModelError: it is not a network image, or is damaged.
    """
    if len(image) < HEADER.size:
        raise ModelError(f"The network image has {len(image)} bytes, fewer than its header.")
    fields = HEADER.unpack_from(image)
    magic, version, header_bytes, image_bytes, crc, sha256, name, macc, arena_bytes = fields[:9]
    tensor_count, tensors_off, op_count, ops_off, operand_count, operands_off = fields[9:15]
    params_off, params_bytes, consts_off, consts_bytes, input_tensor, output_count = fields[15:21]
    family, _, keypoints = DECODING.unpack(fields[29])[:3]
    if magic != MAGIC:
        raise ModelError("This is not a network image (it lacks the PMN1 mark).")
    if version != VERSION or header_bytes != HEADER.size:
        raise ModelError(
            f"The network image has version {version}; version {VERSION} is supported.",
            remedy="Compile the model again.",
        )
    if image_bytes != len(image):
        raise ModelError(f"The network image has {len(image)} bytes and its header says {image_bytes}.")
    if crc != image_crc32(image):
        raise ModelError(f"The network image is damaged: its CRC-32 is {image_crc32(image):#010x}, not {crc:#010x}.")
    for what, start, size in (
        ("tensor table", tensors_off, tensor_count * TENSOR.size),
        ("operator table", ops_off, op_count * OP.size),
        ("operand table", operands_off, operand_count * 2),
        ("parameter area", params_off, params_bytes),
        ("constant area", consts_off, consts_bytes),
    ):
        if start + size > len(image):
            raise ModelError(f"The network image's {what} lies outside it.")
    if not 1 <= output_count <= MAX_OUTPUTS:
        raise ModelError(f"The network image names {output_count} outputs (1 to {MAX_OUTPUTS}).")
    operands = struct.unpack_from(f"<{operand_count}H", image, operands_off)
    return NetworkImage(
        name=name.rstrip(b"\0").decode("utf-8", "replace"),
        model_sha256=sha256.hex(),
        crc32=crc,
        image_bytes=image_bytes,
        macc=macc,
        arena_bytes=arena_bytes,
        family=FAMILY_NAMES.get(family, str(family)),
        keypoints=keypoints,
        decoding=fields[29],
        consts_bytes=consts_bytes,
        params_bytes=params_bytes,
        tensors=tuple(_tensor(image, tensors_off + i * TENSOR.size) for i in range(tensor_count)),
        ops=tuple(_op(image, ops_off + i * OP.size, operands, i) for i in range(op_count)),
        input_tensor=input_tensor,
        output_tensors=fields[21 : 21 + output_count],
    )


def _tensor(image: bytes, position: int) -> ImageTensor:
    dtype, rank, storage, rows_held, offset, nbytes, *rest = TENSOR.unpack_from(image, position)
    dims, (scale, zero_point, source) = rest[:MAX_RANK], rest[MAX_RANK:]
    name = DTYPE_NAMES.get(dtype, str(dtype))
    return ImageTensor(name, storage, offset, nbytes, tuple(dims[:rank]), scale, zero_point, source, rows_held)


def _op(image: bytes, position: int, operands: tuple[int, ...], index: int) -> ImageOp:
    opcode, source, inputs, outputs, flags, params_bytes, first, params_off, *rest = OP.unpack_from(image, position)
    scratch_offset, scratch_bytes, macs = rest
    if first + inputs + outputs > len(operands) or params_off + params_bytes > len(image):
        raise ModelError(f"Operator {index} of the network image points outside it.")
    return ImageOp(
        opcode=opcode,
        source=source,
        inputs=operands[first : first + inputs],
        outputs=operands[first + inputs : first + inputs + outputs],
        params=image[params_off : params_off + params_bytes],
        scratch_offset=scratch_offset,
        scratch_bytes=scratch_bytes,
        macs=macs,
        in_place=bool(flags & OP_IN_PLACE),
        streamed=bool(flags & OP_STREAMED),
    )
