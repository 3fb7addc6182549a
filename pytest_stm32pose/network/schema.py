"""Names and numbers of the TFLite schema (tensorflow/compiler/mlir/lite/schema/schema.fbs, version 3) that we read.

An operator that is not listed in `OPTIONS` may declare its options in its own rule: `OPTIONS = OptionTable(...)` in
`ops/<operator>.py`, so that a new operator stays one file.
"""

from __future__ import annotations

from dataclasses import dataclass

FILE_IDENTIFIER = b"TFL3"
SCHEMA_VERSION = 3

#: TensorType -> numpy name, for the types a network image can hold.
TENSOR_DTYPES = {0: "float32", 2: "int32", 3: "uint8", 4: "int64", 6: "bool", 7: "int16", 9: "int8"}
#: The other TensorTypes, for messages.
OTHER_TYPES = {
    1: "FLOAT16", 5: "STRING", 8: "COMPLEX64", 10: "FLOAT64", 11: "COMPLEX128", 12: "UINT64", 13: "RESOURCE",
    14: "VARIANT", 15: "UINT32", 16: "UINT16", 17: "INT4", 18: "BFLOAT16", 19: "INT2", 20: "UINT4",
}  # fmt: skip

#: BuiltinOperator 0, 1, 2, ... (the StableHLO operators that follow are named by number only).
_NAMES = """
    ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR
    FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC
    LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX
    SPACE_TO_DEPTH SVDF TANH CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD
    UNIDIRECTIONAL_SEQUENCE_RNN GATHER BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE
    UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE
    BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL
    LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT
    RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT
    UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR
    LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N GATHER_ND COS WHERE RANK
    ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE NON_MAX_SUPPRESSION_V4
    NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL
    PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D IMAG REAL COMPLEX_ABS
    HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL CONV_3D_TRANSPOSE VAR_HANDLE
    READ_VARIABLE ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM MULTINOMIAL
    GELU DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM ATAN2
    UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR RIGHT_SHIFT"""
OPERATORS = tuple(_NAMES.split())
CUSTOM = OPERATORS.index("CUSTOM")


@dataclass(frozen=True)
class OptionField:
    """One builtin option: schema name, slot in its table, struct code of its type ("<b" for enums), default."""

    name: str
    slot: int
    fmt: str
    default: int | float | bool


@dataclass(frozen=True)
class OptionTable:
    """One table of the BuiltinOptions union: its number in the union and its fields."""

    union: int
    fields: tuple[OptionField, ...] = ()


def _table(union: int, *fields: tuple[str, int, str, int | float | bool]) -> OptionTable:
    return OptionTable(union, tuple(OptionField(*f) for f in fields))


def _activation(slot: int) -> tuple[str, int, str, int]:
    return ("fused_activation_function", slot, "<b", 0)


def _window(slot: int) -> tuple[tuple[str, int, str, int], ...]:
    return (("padding", 0, "<b", 0), ("stride_w", 1, "<i", 0), ("stride_h", 2, "<i", 0), *_size(slot))


def _size(slot: int) -> tuple[tuple[str, int, str, int], ...]:
    return (("filter_width", slot, "<i", 0), ("filter_height", slot + 1, "<i", 0)) if slot else ()


def _dilation(slot: int) -> tuple[tuple[str, int, str, int], ...]:
    return (("dilation_w_factor", slot, "<i", 1), ("dilation_h_factor", slot + 1, "<i", 1))


_ADD = (_activation(0), ("pot_scale_int16", 1, "<?", True))
_POOL = _table(5, *_window(3), _activation(5))

#: Operator name -> its option table.
OPTIONS: dict[str, OptionTable] = {
    "CONV_2D": _table(1, *_window(0), _activation(3), *_dilation(4), ("quantized_bias_type", 6, "<b", 0)),
    "DEPTHWISE_CONV_2D": _table(2, *_window(0), ("depth_multiplier", 3, "<i", 0), _activation(4), *_dilation(5)),
    "ADD": _table(11, *_ADD),
    "SUB": _table(28, *_ADD),
    "MUL": _table(21, _activation(0)),
    "DIV": _table(29, _activation(0)),
    "PAD": _table(22),
    "RESIZE_BILINEAR": _table(15, ("align_corners", 2, "<?", False), ("half_pixel_centers", 3, "<?", False)),
    "RESIZE_NEAREST_NEIGHBOR": _table(74, ("align_corners", 0, "<?", False), ("half_pixel_centers", 1, "<?", False)),
    "QUANTIZE": _table(89),
    "DEQUANTIZE": _table(38),
    "MAX_POOL_2D": _POOL,
    "AVERAGE_POOL_2D": _POOL,
    "CONCATENATION": _table(10, ("axis", 0, "<i", 0), _activation(1)),
    "RESHAPE": _table(17),
    "SPLIT": _table(35, ("num_splits", 0, "<i", 0)),
    "TRANSPOSE": _table(26),
    "STRIDED_SLICE": _table(
        32, ("begin_mask", 0, "<i", 0), ("end_mask", 1, "<i", 0), ("ellipsis_mask", 2, "<i", 0),
        ("new_axis_mask", 3, "<i", 0), ("shrink_axis_mask", 4, "<i", 0), ("offset", 5, "<?", False)),
    "SOFTMAX": _table(9, ("beta", 0, "<f", 0.0)),
    "CAST": _table(37, ("in_data_type", 0, "<b", 0), ("out_data_type", 1, "<b", 0)),
    "GATHER": _table(23, ("axis", 0, "<i", 0), ("batch_dims", 1, "<i", 0)),
    "GATHER_ND": _table(83),
    "ARG_MAX": _table(40, ("output_type", 0, "<b", 0)),
    "FLOOR_DIV": _table(65),
    "PACK": _table(59, ("values_count", 0, "<i", 0), ("axis", 1, "<i", 0)),
    "UNPACK": _table(64, ("num", 0, "<i", 0), ("axis", 1, "<i", 0)),
    "SQUARED_DIFFERENCE": _table(76),
}  # fmt: skip

#: Newest operator versions that LiteRT 2.3's reference kernels know; a later one may mean something else. An operator
#: that is not listed may declare `MAX_VERSION` in its rule.
MAX_VERSIONS = {
    "ADD": 5, "ARG_MAX": 2, "AVERAGE_POOL_2D": 3, "CAST": 9, "CONCATENATION": 7, "CONV_2D": 8, "DEPTHWISE_CONV_2D": 6,
    "DEQUANTIZE": 9, "DIV": 2, "FLOOR_DIV": 3, "GATHER_ND": 6, "LOGISTIC": 3, "MAX_POOL_2D": 3, "MUL": 7, "PACK": 5,
    "PAD": 6, "PADV2": 6, "QUANTIZE": 6, "RESHAPE": 1, "RESIZE_BILINEAR": 4, "RESIZE_NEAREST_NEIGHBOR": 4, "SOFTMAX": 3,
    "SPLIT": 5, "SQRT": 2, "SQUARED_DIFFERENCE": 2, "STRIDED_SLICE": 4, "SUB": 5, "TRANSPOSE": 8, "UNPACK": 6,
}  # fmt: skip


def operator_name(opcode: int) -> str:
    """The schema's name, or BUILTIN_<n> for what this table does not know."""
    return OPERATORS[opcode] if 0 <= opcode < len(OPERATORS) else f"BUILTIN_{opcode}"
