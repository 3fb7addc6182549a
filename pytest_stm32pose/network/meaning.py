"""What the outputs of a .tflite mean, before anything is compiled."""

from __future__ import annotations

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.families import NO_FAMILY, Meaning, NetworkFacts, OutputFacts, Part, Stated, recognise
from pytest_stm32pose.families.own import PoseFamily
from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.picture_input import take_picture
from pytest_stm32pose.types import USUAL_DECODING, Decoding

#: Operators that change a tensor's type or shape, and no value.
_CONVERSIONS = ("DEQUANTIZE", "QUANTIZE")
_MOVES = (*_CONVERSIONS, "RESHAPE", "TRANSPOSE", "SQUEEZE", "EXPAND_DIMS", "SLICE", "STRIDED_SLICE")
_JOINS = ("CONCATENATION", "PACK")
_SHARES = ("LOGISTIC", "SOFTMAX")
_LIMITS = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767)}
#: How far a range is followed back.
_MAX_DEPTH = 32

Range = tuple[float, float]


def meaning_of(
    graph: Graph,
    *,
    family: str | None = None,
    keypoints: int | None = None,
    labels: int | None = None,
    stated: Stated | None = None,
    decoding: Decoding = USUAL_DECODING,
) -> Meaning:
    """What the outputs are. See families.recognise for the arguments. Raises ModelError, naming the network."""
    facts = facts_of(graph)
    try:
        return recognise(facts, name=family, keypoints=keypoints, labels=labels, stated=stated, decoding=decoding)
    except ModelError as error:
        raise ModelError(f"{graph.name}: {error.message}", remedy=error.remedy) from None


def check_own(own: PoseFamily, graph: Graph, stated: Stated | None) -> None:
    """Raises ModelError: the user says of outputs what only their own decoder could know."""
    if stated not in (None, Stated()):
        raise ModelError(
            f"{graph.name}: --pose-units, --pose-classes and --pose-outputs mean nothing to the family {own.name}, "
            "whose decoder is your own.",
            remedy="Leave them out.",
        )


def own_meaning(
    own: PoseFamily,
    graph: Graph,
    *,
    keypoints: int | None = None,
    stated: Stated | None = None,
    decoding: Decoding = USUAL_DECODING,
) -> Meaning:
    """Of a user's own family, whose decoder has thresholds of its own: of `decoding` only the drawing counts.

    Raises:
        ModelError: family and user say different numbers of keypoints, or none; see check_own.
    """
    check_own(own, graph, stated)
    if keypoints and own.keypoints and keypoints != own.keypoints:
        raise ModelError(
            f"{graph.name}: --pose-keypoints={keypoints}: the family {own.name} has {own.keypoints} keypoints.",
            remedy="Leave --pose-keypoints out.",
        )
    if not keypoints and not own.keypoints:
        raise ModelError(
            f"{graph.name}: the family {own.name} does not say how many keypoints a person has.",
            remedy="Add --pose-keypoints=K, or keypoints=K to the family.",
        )
    return Meaning(own.name, keypoints or own.keypoints, decoding=Decoding(keypoint_score=decoding.keypoint_score))


def likely_meaning(graph: Graph) -> Meaning:
    """The same without a refusal: what is in doubt is NO_FAMILY."""
    try:
        return meaning_of(graph)
    except ModelError:
        return Meaning(NO_FAMILY, 0)


def facts_of(graph: Graph) -> NetworkFacts:
    """What the file says of its outputs."""
    writers = {index: op for op in graph.ops for index in op.outputs}
    picture = _picture_shape(graph)
    return NetworkFacts(
        input_size=(picture[1], picture[2]) if len(picture) == 4 else (0, 0),
        outputs=tuple(_output(graph, writers, index) for index in graph.outputs),
        task=graph.metadata.task,
        keypoint_shape=graph.metadata.keypoint_shape,
        classes=graph.metadata.classes,
    )


def _picture_shape(graph: Graph) -> tuple[int, ...]:
    """Of the picture input with its channels last, as far as the network moves them there."""
    if len(graph.inputs) != 1:
        return ()
    taken = take_picture(graph).graph
    return taken.tensors[taken.inputs[0]].shape


def _output(graph: Graph, writers: dict[int, Op], index: int) -> OutputFacts:
    tensor = graph.tensors[index]
    low, high = _range(graph, writers, index, _MAX_DEPTH) or (None, None)
    op = writers.get(index)
    while op is not None and op.name in _CONVERSIONS:
        op = writers.get(op.inputs[0]) if op.inputs else None
    names = tuple(dict.fromkeys((tensor.name, *graph.metadata.names.get(index, ()))))
    parts = _parts(graph, writers, op) if op is not None and op.name == "CONCATENATION" else ()
    return OutputFacts(tensor.shape, tensor.dtype, low, high, op.name if op else "", names, parts)


def _parts(graph: Graph, writers: dict[int, Op], op: Op) -> tuple[Part, ...]:
    """What a CONCATENATION joins, with the range of each; () when it is not plain."""
    shapes = [graph.tensors[each].shape for each in op.inputs if each >= 0]
    axis = int(op.options.get("axis", 0))
    if not shapes or len(shapes) != len(op.inputs) or not -len(shapes[0]) <= axis < len(shapes[0]):
        return ()
    axis %= len(shapes[0])
    ranges = [_narrowest(graph, writers, each) or (None, None) for each in op.inputs]
    return tuple(Part(axis, shape[axis], *limits) for shape, limits in zip(shapes, ranges, strict=True))


def _narrowest(graph: Graph, writers: dict[int, Op], index: int) -> Range | None:
    """As _range, also of what was quantised again: parts of one output share its scale."""
    own, op = _range(graph, writers, index, _MAX_DEPTH), writers.get(index)
    before = _narrowest(graph, writers, op.inputs[0]) if op is not None and op.name in _CONVERSIONS else None
    if own is None or before is None:
        return own or before
    return max(own[0], before[0]), min(own[1], before[1])


def _range(graph: Graph, writers: dict[int, Op], index: int, depth: int) -> Range | None:
    """Between which values a tensor's lie; None when the file does not tell."""
    tensor, op = graph.tensors[index], writers.get(index)
    scale, zero_point = tensor.quantization.scale, tensor.quantization.zero_point
    if tensor.dtype in _LIMITS and scale.size == 1 and scale[0] > 0:
        low, high = ((limit - int(zero_point[0])) * float(scale[0]) for limit in _LIMITS[tensor.dtype])
        return low, high
    if op is None or tensor.dtype != "float32" or depth == 0:
        return None
    if op.name in _SHARES:
        return 0.0, 1.0
    if op.name in _MOVES and op.inputs and op.inputs[0] >= 0:
        return _range(graph, writers, op.inputs[0], depth - 1)
    if op.name in _JOINS:
        found = [_range(graph, writers, each, depth - 1) for each in op.inputs if each >= 0]
        known = [each for each in found if each is not None]
        return (min(low for low, _ in known), max(high for _, high in known)) if len(known) == len(found) > 0 else None
    if op.name == "MUL" and len(op.inputs) == 2:
        return _product(graph, writers, op, depth)
    return None


def _product(graph: Graph, writers: dict[int, Op], op: Op, depth: int) -> Range | None:
    """Of a tensor and a constant."""
    for one, other in (op.inputs, op.inputs[::-1]):
        factor = graph.tensors[other].data
        if factor is None or factor.size == 0 or factor.dtype != "float32":
            continue
        found = _range(graph, writers, one, depth - 1)
        if found is not None:
            ends = [end * float(each) for end in found for each in (factor.min(), factor.max())]
            return min(ends), max(ends)
    return None
