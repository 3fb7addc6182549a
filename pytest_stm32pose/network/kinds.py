"""What a file is that cannot run on a board, told in one sentence: another format, another quantisation, operators
without a rule.

Formats are told by their first bytes: the name says nothing (a server's error page is stored as `model.tflite` too).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.network.graph import Graph, Op, makers_of
from pytest_stm32pose.network.rules import max_version, rule_module, supported_operators

_TO_TFLITE = (
    "Convert the float network to an int8 .tflite: `onnx2tf -i MODEL.onnx -oiqt`, or for an Ultralytics network "
    "`yolo export model=MODEL.pt format=tflite int8=True`."
)
_QUANTISE = "Convert it to int8 with calibration pictures: `stm32pose models convert`."
_AGAIN = "Convert the original network to int8 with calibration pictures, for example by `stm32pose models convert`."
_FETCH = "Fetch the file itself: `git lfs pull`, or download it from its page."
_UNPACK = "Unpack it and give the .tflite."
_GIVE = "Give a .tflite file."

#: First bytes -> what the file is, and what to do.
_BEGINNINGS: tuple[tuple[bytes, str, str], ...] = (
    (b"\x89HDF\r\n\x1a\n", "a Keras network or its weights (HDF5)", _QUANTISE),
    (b"version https://git-lfs.github.com/", "a Git LFS pointer, not the file itself", _FETCH),
    (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9", "a PyTorch file", _TO_TFLITE),
    (b"\x1f\x8b", "compressed (gzip)", _UNPACK),
    (b"7z\xbc\xaf'\x1c", "an archive (7z)", _UNPACK),
    (b"\x89PNG\r\n\x1a\n", "a picture (PNG)", _GIVE),
    (b"\xff\xd8\xff", "a picture (JPEG)", _GIVE),
    (b"\x7fELF", "a program (ELF), not a network", _GIVE),
)
_ZIP = b"PK\x03\x04"
_HEAD_BYTES = 4096


def other_format(data: bytes) -> tuple[str, str] | None:
    """(what a file that is no .tflite is, what to do about it); None where its first bytes tell nothing."""
    head = data[:_HEAD_BYTES]
    for beginning, what, remedy in _BEGINNINGS:
        if head.startswith(beginning):
            return what, remedy
    if head.startswith(_ZIP):
        return _zip(data)
    if head[257:262] == b"ustar":
        return "an archive (tar)", _UNPACK
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:64].lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "a web page (HTML), not the file that was to be downloaded", _FETCH
    if text.startswith(b"<?xml"):
        return "an XML file (a server's answer, or a network of another runtime)", _GIVE
    if text.startswith((b"{", b"[")):
        return "a JSON file", _GIVE
    return _protobuf(head)


def _zip(data: bytes) -> tuple[str, str]:
    """PyTorch and Keras 3 keep networks in a zip; the names of its members tell which."""
    names = data[:_HEAD_BYTES] + data[-_HEAD_BYTES:]
    if b"/data.pkl" in names or b"/byteorder" in names or b"/.format_version" in names:
        return "a PyTorch file", _TO_TFLITE
    if b"model.weights.h5" in names or (b"config.json" in names and b"metadata.json" in names):
        return "a Keras network", _QUANTISE
    return "an archive (zip)", _UNPACK


def _protobuf(head: bytes) -> tuple[str, str] | None:
    """ONNX (ModelProto: 1 is the IR version, 7 the graph, 8 the operator sets) and SavedModel (2 is the graph)."""
    sizes = dict(_fields(head))
    if 1 in sizes and 7 in sizes and max(sizes) <= 26 and 0 < sizes[1] < 64:
        return "an ONNX file", _TO_TFLITE
    if sizes.keys() == {1, 2} and sizes[1] == 1:
        return "the graph of a TensorFlow SavedModel", _QUANTISE
    return None


def _fields(head: bytes) -> Iterator[tuple[int, int]]:
    """(number, value or length) of the fields at a message's start, until one leaves the head or is of another type."""
    place = 0
    while place < len(head):
        key, place = _varint(head, place)
        value, place = _varint(head, place)
        if key & 7 not in (0, 2) or not 0 < key >> 3 < 64 or place > len(head):
            return
        yield key >> 3, value
        place += value if key & 7 == 2 else 0


def _varint(head: bytes, place: int) -> tuple[int, int]:
    """(number, place behind it); behind the head where it does not end."""
    value = 0
    for shift in range(0, 63, 7):
        if place >= len(head):
            break
        byte = head[place]
        value |= (byte & 0x7F) << shift
        place += 1
        if byte < 0x80:
            return value, place
    return value, len(head) + 1


#: Operators with weights -> place of the weights and of the picture's side among the inputs.
_WEIGHTED = {"CONV_2D": (1, 0), "DEPTHWISE_CONV_2D": (1, 0), "FULLY_CONNECTED": (1, 0), "TRANSPOSE_CONV": (1, 2)}
_BOARDS = "boards run int8 networks"
_FLOAT = f"its weights are float32: nothing of it is quantised, and {_BOARDS}"
_DYNAMIC = f"only its weights are int8, and it computes in float32 (dynamic-range quantisation); {_BOARDS}"
_INT16 = f"its activations are int16 (16x8 quantisation); {_BOARDS}"
_UINT8 = f"its weights are uint8 (the quantisation of TensorFlow 1); {_BOARDS}"


def check_kind(graph: Graph) -> None:
    """Raises ModelError for a network that is quantised otherwise than to int8, or not at all, as a whole."""
    makers = makers_of(graph)
    kinds = {kind for op in graph.ops if (kind := _kind(op, graph, makers)) is not None}
    activations, weights = {each[0] for each in kinds}, {each[1] for each in kinds}
    told = None
    if activations == {"float32"}:
        told = _DYNAMIC if "int8" in weights else _FLOAT
    elif activations == {"int16"}:
        told = _INT16
    elif weights == {"uint8"}:
        told = _UINT8
    if told is not None:
        raise ModelError(f"{graph.name}: {told}.", remedy=_AGAIN)


def _kind(op: Op, graph: Graph, makers: Mapping[int, Op]) -> tuple[str, str] | None:
    """(type of the activations, type in which the weights are stored) of an operator with weights."""
    places = _WEIGHTED.get(op.name)
    if places is None or len(op.inputs) <= max(places) or min(op.inputs[place] for place in places) < 0:
        return None
    weights, source = (op.inputs[place] for place in places)
    made = makers.get(weights)
    if made is not None and made.name == "DEQUANTIZE" and made.inputs and made.inputs[0] >= 0:
        weights = made.inputs[0]
    return graph.tensors[source].dtype, graph.tensors[weights].dtype


def check_operators(graph: Graph) -> None:
    """Raises ModelError unless there is a rule for every operator, and for its version."""
    missing = [op for op in graph.ops if rule_module(op.name) is None]
    if missing:
        first = missing[0]
        others = {op.name for op in missing} - {first.name}
        also = f" (nor {', '.join(sorted(others))})" if others else ""
        raise ModelError(
            f"{graph.name}: operator {first.index} {first.name} (version {first.version}) is not supported{also}; "
            f"supported: {', '.join(supported_operators())}.",
            remedy=_remedy_for(first),
        )
    for op in graph.ops:
        if not 1 <= op.version <= max_version(op.name):
            raise ModelError(
                f"{graph.name}: operator {op.index} {op.name} has version {op.version}; "
                f"versions up to {max_version(op.name)} are supported.",
                remedy="Export the model with an older converter.",
            )


#: Part of a custom operator's name -> what to do about it.
_CUSTOM_REMEDIES = (
    ("'Flex", "It is TensorFlow's own: convert the network with TFLITE_BUILTINS only (no SELECT_TF_OPS)."),
    ("Decoder", "Give the network without its decoder: the harness decodes."),
    ("PostProcess", "Give the network without its post-processing: the harness decodes."),
)


#: LiteRT's reference kernels lack them (register_ref.cc), so that nothing could say what is right.
_WITHOUT_REFERENCE = ("CEIL", "ELU", "ROUND")


def _remedy_for(missing: Op) -> str:
    """What to do about an operator that is not supported."""
    if missing.name in _WITHOUT_REFERENCE:
        return (
            f"LiteRT's reference kernels, with which a board is compared, have no {missing.name} either: build the "
            "network without it."
        )
    for part, remedy in _CUSTOM_REMEDIES:
        if missing.name.startswith("CUSTOM") and part in missing.name:
            return remedy
    return "Build the network without it; `stm32pose models inspect` lists every operator that is in the way."
