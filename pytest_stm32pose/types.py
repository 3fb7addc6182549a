"""Value types that travel between the layers. No behaviour, no I/O; arrays are documented by shape, dtype and unit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:  # settings know some of these types, and a plain pytest has no use for NumPy
    import numpy as np
    from numpy.typing import NDArray

#: Keypoints of the persons in one picture: float64 [persons, K, 3] = x, y, score. The unit of x and y is said by the
#: name: `_px` pixels of the original picture (0 = left/top edge), `_norm` 0..1 of the network's input.
Keypoints: TypeAlias = "NDArray[np.float64]"


@dataclass(frozen=True)
class Skeleton:
    """A set of keypoints. Indices refer to the rows of a [K, 3] keypoint array."""

    name: str  #: "COCO 17"
    names: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...]
    mirror: tuple[int, ...]  #: the index that takes a keypoint's place in a mirrored picture
    sigmas: tuple[float, ...]  #: of OKS, one per keypoint
    sigmas_from: str  #: whose they are: "COCO", "1/K", a file's name


@dataclass(frozen=True)
class Truth:
    """Labelled persons of one picture, in pixels of the original picture."""

    keypoints_px: NDArray[np.float64]  #: [persons, K, 3] x, y, visibility (0 unlabelled, 1 hidden, 2 visible)
    boxes_px: NDArray[np.float64]  #: [persons, 4] x, y, width, height; 0, 0 wide and high where none is given
    areas_px: NDArray[np.float64]  #: [persons] segment area, square pixels; the box's where none is given
    crowd: NDArray[np.bool_]  #: [persons]
    skeleton: Skeleton | None = None  #: which keypoints they are; None: the usual set of so many


@dataclass(frozen=True)
class Picture:
    """One test picture: pixels and, where known, labels."""

    id: str
    path: str
    sha256: str  #: of the file
    pixels: NDArray[np.uint8]  #: [height, width, 3] RGB
    truth: Truth | None = None


@dataclass(frozen=True)
class Decoding:
    """What of a network's answers counts. The defaults are those of ST's model zoo.

    Attributes:
        score: a person with at most this score is none (families of several persons).
        keypoint_score: keypoints below it are drawn faintly; no figure depends on it, as with ST.
        nms_iou: of two boxes of one class that overlap by more, the one of the lower score is dropped (family yolo).
        max_persons: more are left out, those of the highest scores stay.
    """

    score: float = 0.001
    keypoint_score: float = 0.15
    nms_iou: float = 0.1
    max_persons: int = 100

    @property
    def text(self) -> str:
        """What differs from the defaults and changes keypoints; "" for nothing. Goldens and comparisons go by it."""
        names = ("score", "nms_iou", "max_persons")
        return " ".join(f"{n}={getattr(self, n)}" for n in names if getattr(self, n) != getattr(USUAL_DECODING, n))


USUAL_DECODING = Decoding()


@dataclass(frozen=True)
class Layout:
    """How a family's values lie in a network's outputs, where the family's name leaves it open.

    Attributes:
        values: per keypoint: 2 (x, y), 3 (and a score, or z) or 5 (x, y, z, visibility, presence).
        classes: of persons, with a score each (family yolo).
        rows_first: one row per anchor instead of one column.
        pixels: keypoints are in pixels of the input, not in 0..1 of it.
        sigmoid: scores are raw: the logistic function makes them 0..1.
        step: pixels of the input per cell (heat maps with offsets), else 0.
        outputs: numbers of the outputs that are decoded, in the family's order; () for all there are.
        input_size: height and width in pixels; (0, 0) where nothing depends on it.
    """

    values: int = 3
    classes: int = 1
    rows_first: bool = False
    pixels: bool = False
    sigmoid: bool = False
    step: int = 0
    outputs: tuple[int, ...] = ()
    input_size: tuple[int, int] = (0, 0)

    @property
    def text(self) -> str:
        """What differs from the defaults, but the input's size; "" for nothing."""
        said = [f"{name}={value}" for name, value, usual in (
            ("values", self.values, 3), ("classes", self.classes, 1), ("step", self.step, 0),
            ("outputs", ",".join(map(str, self.outputs)), ""),
        ) if value != usual]  # fmt: skip
        return " ".join(said + [name for name in ("rows_first", "pixels", "sigmoid") if getattr(self, name)])


USUAL_LAYOUT = Layout()


@dataclass(frozen=True)
class HostQuantize:
    """A change of type that the host makes, as the network's first QUANTIZE does: the device's input is its output.

    `table`: the results for the 256 stored values of an 8-bit input, in the order of their bytes; empty: from float32,
    round(value / scale) half away from zero, plus the zero point, clamped (TFLite's reference, in float32).
    """

    dtype: str  #: of the results: "int8", "uint8"; "float32": what 8 bits stand for
    scale: float
    zero_point: int
    table: bytes = b""


@dataclass(frozen=True)
class PictureInput:
    """How a .tflite takes its picture.

    `NetworkDescription.input_dtype` is what the device is given: the same, but for what `host` does.
    """

    dtype: str  #: "uint8", "int8", "float32"
    scale: float = 0.0  #: 0: not quantised, the pixel itself
    zero_point: int = 0
    host: tuple[HostQuantize, ...] = ()  #: in their order
    mean: tuple[float, ...] = ()  #: of the file's NormalizationOptions; () without any
    std: tuple[float, ...] = ()
    #: Of float32: scale and offset by which pixels 0 to 255 are the range of its first QUANTIZE; None: there is none.
    natural: tuple[float, float] | None = None
    channels_first: bool = False  #: the device takes them so; here they are always last


@dataclass(frozen=True)
class NetworkDescription:
    """What the host knows of a network: read from the .tflite, or from a stored golden's provenance."""

    name: str
    sha256: str  #: of the .tflite
    family: str  #: what its outputs mean, such as "heatmap", or one of the user's; "none": compared, not decoded
    keypoints: int  #: of a person; 0 without a family
    input_shape: tuple[int, int, int]  #: height, width, channels
    input_dtype: str  #: "uint8", "int8", "float32"
    macc: int
    weights_bytes: int
    activation_bytes: int
    network_image_bytes: int
    skeleton: Skeleton | None = None  #: which keypoints they are; None: the usual set of so many
    layout: Layout = USUAL_LAYOUT  #: of the family's values in the outputs
    decoding: Decoding = USUAL_DECODING

    @property
    def decoding_text(self) -> str:
        """Everything that makes keypoints of outputs otherwise than by default, in words; "" for nothing."""
        return " ".join(filter(None, (self.layout.text, self.decoding.text))) if self.keypoints else ""

    picture: PictureInput | None = None  #: None: as the device takes it, not quantised


@dataclass(frozen=True)
class TensorData:
    """One tensor of one inference."""

    source: int  #: tensor index in the .tflite
    op_source: int  #: index in the .tflite of the operator that wrote it
    op_name: str  #: TFLite operator name, "" when not known
    data: NDArray[Any]
    lsb: float = 0.0  #: float data only: the scale of the tensor it was dequantised from, 0 when not known


@dataclass(frozen=True)
class TensorDigest:
    """What is known of a tensor without its data: enough to see that it differs, not by how much."""

    source: int
    op_source: int
    op_name: str
    dtype: str
    shape: tuple[int, ...]
    crc32: int  #: CRC-32/ISO-HDLC of the bytes in C order, little endian


@dataclass(frozen=True)
class InferResult:
    """What a device (or the golden engine) answered for one picture."""

    keypoints_norm: NDArray[np.float32] | None  #: [persons, K, 3] x, y in 0..1 of the network's input, score
    outputs: tuple[TensorData, ...] = ()
    intermediates: tuple[TensorData, ...] = ()
    ticks: int = 0
    op_ticks: tuple[tuple[int, int], ...] = ()  #: (operator index in the .tflite, ticks) in execution order
    op_names: tuple[tuple[int, str], ...] = ()  #: where operators are the device's own and not the .tflite's
    input_crc32: int | None = None  #: of the input bytes that were run, as the device echoed it
    download_s: float = 0.0  #: from the first message of the answer to its last
    scores: NDArray[np.float32] | None = None  #: [persons], descending; None for families whose persons have none
    output_digests: tuple[TensorDigest, ...] = ()  #: of outputs that came without their data
    intermediate_digests: tuple[TensorDigest, ...] = ()  #: of intermediates that came without their data
    run: int | None = None  #: what our own firmware knows this run by (PoseClient.fetch_output)


NO_TIME = "twin"  #: source of a board without a time worth telling; there are no values then


@dataclass(frozen=True)
class Timing:
    """Timed inferences of one picture."""

    source: str  #: "icount", "dwt" or NO_TIME
    unit: str  #: "instructions", "cycles" or "ticks"
    clock_hz: int
    values: tuple[int, ...]
    upload_s: float = 0.0
    download_s: float = 0.0


@dataclass(frozen=True)
class FlashReport:
    """What programming did. `skipped`: the target already held every byte (checked on the target)."""

    bytes_written: int
    skipped: bool
    seconds: float


@dataclass(frozen=True)
class Hello:
    """Answer to HELLO (firmware/PROTOCOL.md).

    Attributes:
        window: bytes of unanswered requests that the link holds, 0: one request at a time; None: older firmware.
    """

    firmware_version: str
    protocol_version: int
    capabilities: int
    board: str
    mcu: str
    backend: str
    kernels: str
    build_id: str
    cpuid: int
    clock_hz: int
    tick_hz: int
    time_source: str
    unique_id: str
    slot_count: int
    slot_bytes: int
    max_message: int
    window: int | None = None


@dataclass(frozen=True)
class DeviceMemory:
    """A memory that a network's image or arena may lie in, of the answer to MEMORIES (firmware/PROTOCOL.md).

    Attributes:
        mode: how it is driven, or why it is not there, in words; "" inside the microcontroller.
        bytes_: what networks may have of it; 0: it is not there, or did not start.
        is_ram: PLACE may put image or arena there.
    """

    name: str
    mode: str
    address: int
    bytes_: int
    is_ram: bool
    is_external: bool
    has_weights: bool
    has_arena: bool

    @property
    def words(self) -> str:
        """Name and mode."""
        return f"{self.name} {self.mode}".strip()


@dataclass(frozen=True)
class Places:
    """Where a loaded network's weights and arena are, in words, and how fast the weights' memory was read at the start.

    Attributes:
        weights: "nor octal DTR 50 MHz", or "axisram, copied from nor octal DTR 50 MHz"; "" not told.
        read_bytes: that were read; 0: not measured.
        read_us: how long that took, by the device's own counter.
    """

    weights: str
    arena: str
    read_bytes: int = 0
    read_us: float = 0.0


@dataclass(frozen=True)
class DeviceNetwork:
    """Answer to NETWORK_INFO. `status` 0: loaded; otherwise why not, and `failed_op` the refused operator or -1."""

    status: int
    failed_op: int
    name: str = ""
    sha256: str = ""
    image_bytes: int = 0
    image_crc32: int = 0
    arena_bytes: int = 0
    arena_available: int = 0
    op_count: int = 0
    tensor_count: int = 0
    macc: int = 0
    family: str = ""
    keypoints: int = 0
    input_shape: tuple[int, ...] = ()
    input_dtype: str = ""
    decoding: bytes = b""  #: what it decodes by, as in a network image (NETWORK_IMAGE.md, Decoding); b"": not told


@dataclass(frozen=True)
class DeviceModel:
    """What a firmware of another maker says of the network it runs (ST's NETWORK_INFO). 0 bytes: not told."""

    protocol: str
    name: str
    signature: str
    compiled: str
    runtime: str
    tool_version: str
    macc: int
    nodes: int
    activation_bytes: int
    weights_bytes: int
    limits: str  #: what the figures over this protocol cannot say


@dataclass(frozen=True)
class SelfTest:
    """Answer to SELF_TEST: name -> passed."""

    results: dict[str, bool] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        return bool(self.results) and all(self.results.values())


@dataclass(frozen=True)
class MemoryStats:
    """Answer to MEMORY, bytes."""

    stack_bytes: int
    stack_high_water: int
    arena_bytes: int
    arena_high_water: int
    flash_bytes: int
    ram_bytes: int
