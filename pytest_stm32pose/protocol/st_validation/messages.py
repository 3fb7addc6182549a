"""Messages and numbers of ST's validation protocol, versions 3.1 and 3.2, all generations: one table. Pure.

Source: the facts that ST publishes with its Python runner (stm32msg, protobuf with proto2 semantics). A field is its
Python type and, in `Wire`, its number and kind on the wire; fields without a default are required. Generations differ
in SYS_INFO's answer (SysInfoA, ResponseA: generation A) and in fields that only C has, which have a default here.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Annotated, Any

VERSION_MAJOR = 3
VERSION_MINOR = 1
#: syncMsg.version from which on DISCONNECT is known: generation C.
VERSION_DISCONNECT = 3 << 8 | 2


class Command(enum.IntEnum):
    """reqMsg.cmd."""

    SYNC = 0
    SYS_INFO = 1
    DISCONNECT = 2  #: generation C, which sends no answer
    NETWORK_INFO = 10
    NETWORK_RUN = 11
    NETWORK_REPORT = 12
    MEMORY_READ = 20
    MEMORY_WRITE = 21
    MEMORY_CHECKSUM = 22
    SET_FILTER = 30
    TEST = 100
    TEST_UNSUPPORTED = 200


class State(enum.IntEnum):
    """respMsg.state."""

    IDLE = 0
    WAITING = 1
    PROCESSING = 2
    DONE = 3
    ERROR = 4


class Error(enum.IntEnum):
    """ackMsg.error."""

    NONE = 0
    INVALID_SIZE = 1
    INVALID_FORMAT = 2
    INVALID_STATE = 3
    INVALID_PARAM = 4
    INVALID_SHAPE = 5
    INVALID_CMD = 6
    UNINITIALIZED = 7
    MEM_OVERFLOW = 8
    GENERIC = 10


class Capability(enum.IntFlag):
    """syncMsg.capability."""

    OBSERVER = 1
    RELOC = 2
    READ_WRITE = 8
    RANDOM = 16
    FILTERING = 32
    USBC = 64
    SELF_TEST = 128


class Run(enum.IntFlag):
    """reqMsg.param of NETWORK_RUN: one mode (bits 3..0) and settings."""

    IO_ONLY = 1
    PER_LAYER = 2
    PER_LAYER_WITH_DATA = 4
    PERF = 8  #: no tensor data comes back
    DEBUG = 256
    CONST_VALUE = 512  #: the host sends one element, which fills the input
    DIRECT_WRITE = 1024
    DIRECT_READ = 2048


class TensorFlag(enum.IntFlag):
    """aiTensorDescMsg.flags."""

    INPUT = 1
    OUTPUT = 2
    INTERNAL = 4
    MEMPOOL = 8
    LAST = 256
    NO_DATA = 512
    IN_MEMPOOL = 1024


class OperatorFlag(enum.IntFlag):
    """aiOperatorMsg.type, bits 31..24; none of them: the whole model."""

    INTERNAL = 1
    LAST = 2
    WITHOUT_TENSOR = 4


OPERATOR_FLAG_SHIFT = 24
#: aiOperatorMsg.counter_type is format << 16 | type; type 0 counts CPU cycles.
COUNTER_FORMAT_SHIFT = 16
COUNTERS_U64, COUNTERS_U32 = 0, 1

RUNTIMES = {1: "STM.AI", 2: "TFLM", 3: "TVM", 4: "ATONN", 5: "GLOW", 6: "STM.AI reloc"}
APIS = {0: "legacy API", 1: "ST AI API", 2: "lite API", 4: "reloc API"}
#: Bits of aiModelInfoMsg.rtid: what the firmware cannot tell of its network.
NO_ACTIVATIONS, NO_PARAMS = 1 << 24, 2 << 24
TOOLS = {1: "GCC", 2: "IAR", 3: "MDK 5", 4: "MDK 6", 5: "HTC", 6: "GHS"}


class Shape(enum.IntEnum):
    """aiTensorDescMsg.n_dims, bits 27..24: the order of the dimensions."""

    UND = 0
    BCWH = 1
    BHWC = 2
    BCHW = 3
    ST_AI = 4
    RAW = 5


SHAPE_SHIFT = 24
SHAPE_MASK = 0xF
HAS_BATCH = 64  #: with Shape.ST_AI: dims start with the batch

#: aiTensorDescMsg.format without flags and fractional bits -> NumPy type of an element; formats.py reads the rest.
FORMATS = {
    0x00821040: "float32",
    0x00820840: "float16",
    0x00040440: "uint8",
    0x00840440: "int8",
    0x00040840: "uint16",
    0x00840840: "int16",
    0x00041040: "uint32",
    0x00841040: "int32",
    0x00042040: "uint64",
    0x00842040: "int64",
    0x00060440: "bool",
}


@dataclass(frozen=True)
class Wire:
    """How a field travels. `kind`: uint32, uint64, int32, float, string, bytes, or the class of a message."""

    number: int
    kind: str | type[object]
    repeated: bool = False


@dataclass(frozen=True)
class Request:
    """reqMsg."""

    reqid: Annotated[int, Wire(1, "uint32")]
    cmd: Annotated[int, Wire(2, "uint32")]
    param: Annotated[int, Wire(3, "uint32")]
    name: Annotated[str, Wire(4, "string")]
    opt: Annotated[int, Wire(5, "uint32")]


@dataclass(frozen=True)
class Sync:
    """syncMsg. `version` is major << 8 | minor; `rtid` runtime, API << 8, tool chain << 16."""

    version: Annotated[int, Wire(1, "uint32")]
    capability: Annotated[int, Wire(4, "uint32")]
    rtid: Annotated[int, Wire(5, "uint32")]


@dataclass(frozen=True)
class SysInfo:
    """sysinfoMsg. Clocks in Hz: of the core and of the system bus. `com_param`: bytes of a packet from now on, or 0."""

    devid: Annotated[int, Wire(1, "uint32")]
    sclock: Annotated[int, Wire(2, "uint32")]
    hclock: Annotated[int, Wire(3, "uint32")]
    cache: Annotated[int, Wire(4, "uint32")]
    com_param: Annotated[int, Wire(5, "uint32")]
    extra: Annotated[tuple[int, ...], Wire(6, "uint32", repeated=True)] = ()


@dataclass(frozen=True)
class SysInfoA:
    """sysinfoMsg of generation A, see SysInfo."""

    devid: Annotated[int, Wire(1, "uint32")]
    sclock: Annotated[int, Wire(2, "uint32")]
    hclock: Annotated[int, Wire(3, "uint32")]
    cache: Annotated[int, Wire(4, "uint32")]
    extra: Annotated[tuple[int, ...], Wire(5, "uint32", repeated=True)] = ()


@dataclass(frozen=True)
class Ack:
    """ackMsg; the host sends it bare, the device inside a Response."""

    param: Annotated[int, Wire(1, "uint32")]
    error: Annotated[int, Wire(2, "uint32")]


@dataclass(frozen=True)
class Log:
    """logMsg."""

    level: Annotated[int, Wire(1, "uint32")]
    text: Annotated[str, Wire(2, "string")]


@dataclass(frozen=True)
class TensorDesc:
    """aiTensorDescMsg. `size` counts elements; `scale` 0: not quantised."""

    name: Annotated[str, Wire(1, "string")]
    format: Annotated[int, Wire(2, "uint32")]
    size: Annotated[int, Wire(3, "uint32")]
    n_dims: Annotated[int, Wire(4, "uint32")]
    scale: Annotated[float, Wire(6, "float")]
    zeropoint: Annotated[int, Wire(7, "int32")]
    addr: Annotated[int, Wire(8, "uint32")]
    flags: Annotated[int, Wire(9, "uint32")]
    dims: Annotated[tuple[int, ...], Wire(5, "uint32", repeated=True)] = ()


@dataclass(frozen=True)
class Data:
    """aiDataMsg. `size` counts bytes."""

    type: Annotated[int, Wire(1, "uint32")]
    size: Annotated[int, Wire(2, "uint32")]
    addr: Annotated[int, Wire(3, "uint32")]
    datas: Annotated[bytes, Wire(4, "bytes")]


@dataclass(frozen=True)
class Operator:
    """aiOperatorMsg. `duration` in milliseconds."""

    name: Annotated[str, Wire(1, "string")]
    type: Annotated[int, Wire(2, "uint32")]
    id: Annotated[int, Wire(3, "uint32")]
    duration: Annotated[float, Wire(4, "float")]
    counter_type: Annotated[int, Wire(5, "uint32")]
    stack_used: Annotated[int, Wire(7, "int32")]
    heap_used: Annotated[int, Wire(8, "int32")]
    counters: Annotated[tuple[int, ...], Wire(6, "uint32", repeated=True)] = ()


@dataclass(frozen=True)
class Tensor:
    """aiTensorMsg."""

    desc: Annotated[TensorDesc, Wire(1, TensorDesc)]
    data: Annotated[Data, Wire(2, Data)]


@dataclass(frozen=True)
class ModelInfo:
    """aiModelInfoMsg. Versions are major << 24 | minor << 16 | patch << 8; times in milliseconds, generation C only."""

    name: Annotated[str, Wire(1, "string")]
    rtid: Annotated[int, Wire(2, "uint32")]
    signature: Annotated[str, Wire(3, "string")]
    compile_datetime: Annotated[str, Wire(4, "string")]
    runtime_version: Annotated[int, Wire(5, "uint32")]
    tool_version: Annotated[int, Wire(6, "uint32")]
    n_macc: Annotated[int, Wire(7, "uint64")]
    n_nodes: Annotated[int, Wire(8, "uint32")]
    n_inputs: Annotated[int, Wire(10, "uint32")]
    n_outputs: Annotated[int, Wire(12, "uint32")]
    n_activations: Annotated[int, Wire(14, "uint32")]
    n_params: Annotated[int, Wire(16, "uint32")]
    runtime_desc: Annotated[str, Wire(20, "string")]
    inputs: Annotated[tuple[TensorDesc, ...], Wire(11, TensorDesc, repeated=True)] = ()
    outputs: Annotated[tuple[TensorDesc, ...], Wire(13, TensorDesc, repeated=True)] = ()
    activations: Annotated[tuple[TensorDesc, ...], Wire(15, TensorDesc, repeated=True)] = ()
    params: Annotated[tuple[TensorDesc, ...], Wire(17, TensorDesc, repeated=True)] = ()
    n_install_time: Annotated[float | None, Wire(21, "float")] = None
    n_init_time: Annotated[float | None, Wire(22, "float")] = None


@dataclass(frozen=True)
class Response:
    """respMsg: one of the optional fields (a oneof) is the payload."""

    reqid: Annotated[int, Wire(1, "uint32")]
    state: Annotated[int, Wire(2, "uint32")]
    sync: Annotated[Sync | None, Wire(10, Sync)] = None
    sinfo: Annotated[SysInfo | None, Wire(11, SysInfo)] = None
    ack: Annotated[Ack | None, Wire(12, Ack)] = None
    log: Annotated[Log | None, Wire(13, Log)] = None
    data: Annotated[Data | None, Wire(15, Data)] = None
    op: Annotated[Operator | None, Wire(16, Operator)] = None
    tensor: Annotated[Tensor | None, Wire(17, Tensor)] = None
    minfo: Annotated[ModelInfo | None, Wire(22, ModelInfo)] = None


@dataclass(frozen=True)
class ResponseA(Response):
    """respMsg of generation A."""

    sinfo: Annotated[Any, Wire(11, SysInfoA)] = None  # a SysInfoA, which is no SysInfo


#: Fields of Response of which at most one is there.
PAYLOADS = ("sync", "sinfo", "ack", "log", "data", "op", "tensor", "minfo")


def runtime_name(rtid: int) -> str:
    """In words: "TFLM (legacy API, GCC)"."""
    runtime = RUNTIMES.get(rtid & 0xFF, f"runtime {rtid & 0xFF}")
    api = APIS.get(rtid >> 8 & 0xFF, f"API {rtid >> 8 & 0xFF}")
    return f"{runtime} ({api}, {TOOLS.get(rtid >> 16 & 0xFF, 'unknown tool chain')})"


def error_name(error: int) -> str:
    """INVALID_CMD, or the number where it has no name."""
    return Error(error).name if error in list(Error) else f"error {error}"


def state_name(state: int) -> str:
    """WAITING, or the number where it has no name."""
    return State(state).name if state in list(State) else f"state {state}"
