"""What the host does of a network's beginning, how other firmware takes its picture, what the file says of values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.network.compile import compile_bytes, compile_model, describe_graph
from pytest_stm32pose.network.flatbuffer import Table
from pytest_stm32pose.network.meaning import facts_of
from pytest_stm32pose.network.metadata import read_metadata
from pytest_stm32pose.network.picture_input import check_picture_input, given_as, take_picture
from pytest_stm32pose.network.reader import parse_model
from pytest_stm32pose.pictures.values import device_tensor
from pytest_stm32pose.types import HostQuantize, NetworkDescription, PictureInput
from tests.firmware.input_forms import FORMS, HEIGHT, WIDTH, network
from tests.support.shared_data import shared_dir
from tests.support.tflite_builder import OpSpec, TensorSpec, build_model

DATA = shared_dir()


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        ("uint8", []),
        ("int8", []),
        ("float32", ["QUANTIZE"]),
        ("channels_first", ["TRANSPOSE"]),
        ("channels_first_quantised_before", ["QUANTIZE", "TRANSPOSE"]),
        ("channels_first_float32", ["TRANSPOSE", "QUANTIZE"]),
        ("grey_channels_first", ["RESHAPE", "QUANTIZE"]),
    ],
)
def test_what_the_host_does(name: str, gone: list[str]) -> None:
    taken = take_picture(parse_model(network(FORMS[name]), name))
    assert [op.name for op in taken.host_ops] == gone
    assert taken.picture.dtype == FORMS[name].dtype
    assert taken.graph.tensors[taken.graph.inputs[0]].shape[1:3] == (HEIGHT, WIDTH)
    assert facts_of(parse_model(network(FORMS[name]), name)).input_size == (HEIGHT, WIDTH)


def test_the_published_networks_keep_every_operator() -> None:
    folder = DATA / "models" if DATA else Path("nowhere")
    paths = sorted(folder.glob("*.tflite"))
    if not paths:
        pytest.skip("the validation data are not there: STM32POSE_DATA names their folder")
    for path in paths:
        compiled = compile_model(path, plan="plain")
        assert compiled.program.inputs == compiled.graph.inputs
        assert len(compiled.program.ops) == len(compiled.graph.ops)


def test_the_published_multiply_accumulates_count_what_the_host_does() -> None:
    both = [compile_bytes(network(FORMS[name]), name).description for name in ("int8", "float32")]
    assert both[1].macc - both[0].macc == 2 * HEIGHT * WIDTH * 3


def float_network(*extra: OpSpec, body: str = "int8") -> bytes:
    """A float32 picture into QUANTIZE; `extra` operators come behind and may read anything."""
    shape = (1, 8, 8, 3)
    tensors = [
        TensorSpec("picture", "float32", shape),
        TensorSpec("bytes", body, shape, (0.5,), (0,)),
        TensorSpec("floats", "float32", shape),
        TensorSpec("others", "float32", shape),
        TensorSpec("size", "int32", (4,), data=np.array(shape, np.int32)),
    ]
    return build_model(tensors, [OpSpec("QUANTIZE", (0,), (1,)), OpSpec("DEQUANTIZE", (1,), (2,)), *extra], [0], [2])


def test_an_input_that_others_read_too_stays_a_float_on_the_device() -> None:
    for extra in ((OpSpec("RESHAPE", (0, 4), (3,)),), (OpSpec("ADD", (0, 2), (3,)),)):
        graph = parse_model(float_network(*extra), "net")
        assert take_picture(graph).host_ops == ()
        assert take_picture(graph).picture.natural is None
        check_picture_input(graph)
    assert take_picture(parse_model(float_network(body="int16"), "net")).host_ops == ()


def test_an_input_that_is_asked_for_its_shape_is_still_quantised_on_the_host() -> None:
    shape = (1, 8, 8, 3)
    tensors = [
        TensorSpec("picture", "float32", shape),
        TensorSpec("bytes", "int8", shape, (0.5,), (0,)),
        TensorSpec("shape", "int32", (4,)),
        TensorSpec("again", "int8", shape, (0.5,), (0,)),
        TensorSpec("floats", "float32", shape),
    ]
    ops = [OpSpec("SHAPE", (0,), (2,)), OpSpec("QUANTIZE", (0,), (1,)), OpSpec("RESHAPE", (1, 2), (3,)),
           OpSpec("DEQUANTIZE", (3,), (4,))]  # fmt: skip
    compiled = compile_bytes(build_model(tensors, ops, [0], [4]), "net")
    assert compiled.description.input_dtype == "int8"
    assert [op.name for op in compiled.program.ops] == ["RESHAPE", "DEQUANTIZE"]
    assert compiled.description.picture is not None
    assert compiled.description.picture.natural == (0.5, -64.0)


def test_operators_before_quantize_stay_on_the_device_and_its_range_is_found() -> None:
    shape, flat = (1, 4, 4, 3), (1, 2, 8, 3)
    tensors = [
        TensorSpec("picture", "float32", shape),
        TensorSpec("flat", "float32", flat),
        TensorSpec("bytes", "int8", flat, (0.25,), (-28,)),
        TensorSpec("floats", "float32", flat),
        TensorSpec("size", "int32", (4,), data=np.array(flat, np.int32)),
    ]
    ops = [OpSpec("RESHAPE", (0, 4), (1,)), OpSpec("QUANTIZE", (1,), (2,)), OpSpec("DEQUANTIZE", (2,), (3,))]
    compiled = compile_bytes(build_model(tensors, ops, [0], [3]), "net")
    assert (compiled.description.input_dtype, len(compiled.program.ops)) == ("float32", 3)
    assert compiled.description.picture is not None
    assert compiled.description.picture.natural == (0.25, -25.0)


def test_channels_that_stay_first_are_refused() -> None:
    tensors = [
        TensorSpec("picture", "uint8", (1, 3, 8, 8), (1.0,), (0,)),
        TensorSpec("bytes", "int8", (1, 3, 8, 8), (1.0,), (-128,)),
    ]
    with pytest.raises(ModelError, match=r"does not begin by moving its channels.* onnx2tf"):
        check_picture_input(parse_model(build_model(tensors, [OpSpec("QUANTIZE", (0,), (1,))], [0], [1]), "net"))


# --- firmware that something else generated ---

PLAIN = NetworkDescription("net", "0" * 64, "heatmap", 13, (4, 6, 3), "uint8", 0, 0, 0, 0)
FLOATS = describe_graph(parse_model(float_network(), "net")).description


def as_given(description: NetworkDescription, shape: tuple[int, ...], dtype: str, tensor: np.ndarray) -> np.ndarray:
    found = given_as(description, shape, dtype)
    assert found is not None
    assert found.input_dtype == dtype
    result: np.ndarray = device_tensor(tensor, found)
    return result


def test_a_generated_network_gets_its_own_type_and_order() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (4, 6, 3), np.uint8)
    np.testing.assert_array_equal(as_given(PLAIN, (1, 4, 6, 3), "uint8", pixels), pixels)
    np.testing.assert_array_equal(as_given(PLAIN, (1, 4, 6, 3), "int8", pixels), pixels.astype(int) - 128)
    np.testing.assert_array_equal(as_given(PLAIN, (1, 3, 4, 6), "uint8", pixels), np.moveaxis(pixels, 2, 0))
    scaled = replace(PLAIN, picture=PictureInput("uint8", 0.5, 3))
    np.testing.assert_array_equal(
        as_given(scaled, (1, 4, 6, 3), "float32", pixels), (pixels.astype(np.float32) - 3) / 2
    )
    for shape, dtype in (((1, 4, 6, 1), "uint8"), ((1, 6, 4, 3), "uint8"), ((1, 4, 6, 3), "int16")):
        assert given_as(PLAIN, shape, dtype) is None
    assert given_as(PLAIN, (1, 4, 6, 3), "float32") is None  # nothing says what a pixel stands for


def test_a_float_network_goes_as_floats_or_as_bytes_of_either_sign() -> None:
    values = np.linspace(-80, 80, 192, dtype=np.float32).reshape(8, 8, 3)
    signed = np.clip(np.floor(np.abs(values) / 0.5 + 0.5) * np.sign(values), -128, 127)
    assert FLOATS.picture is not None
    assert FLOATS.picture.host == (HostQuantize("int8", 0.5, 0),)
    np.testing.assert_array_equal(as_given(FLOATS, (1, 8, 8, 3), "float32", values), values)
    np.testing.assert_array_equal(as_given(FLOATS, (1, 8, 8, 3), "int8", values), signed)
    np.testing.assert_array_equal(as_given(FLOATS, (1, 8, 8, 3), "uint8", values), signed + 128)


# --- NormalizationOptions ---


def metadata(mean: list[float], std: list[float], *, kind: int = 1, units: int = 1) -> bytes:
    """ModelMetadata with one subgraph, whose one input has process units (metadata_schema.fbs)."""
    builder = flatbuffers.Builder(256)

    def vector(items: list[int]) -> int:
        builder.StartVector(4, len(items), 4)
        for item in reversed(items):
            builder.PrependUOffsetTRelative(item)
        return int(builder.EndVector())

    def table(slots: dict[int, int]) -> int:
        builder.StartObject(7)
        for slot, offset in slots.items():
            builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
        return int(builder.EndObject())

    made = []
    for _ in range(units):
        numbers = [int(builder.CreateNumpyVector(np.array(each, np.float32))) for each in (mean, std)]
        options = table(dict(enumerate(numbers)))
        builder.StartObject(2)
        builder.PrependUint8Slot(0, kind, 0)
        builder.PrependUOffsetTRelativeSlot(1, options, 0)
        made.append(int(builder.EndObject()))
    tensor = table({4: vector(made)})
    graph = table({2: vector([tensor])})
    builder.Finish(table({3: vector([graph])}), file_identifier=b"M001")
    return bytes(builder.Output())


def with_metadata(content: bytes) -> bytes:
    model = schema.ModelT.InitFromPackedBuf(network(FORMS["float32"]), 0)
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(content, np.uint8)
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = "TFLITE_METADATA", len(model.buffers) - 1
    model.metadata = [entry]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize(
    ("mean", "std", "found"),
    [
        ([127.5], [127.5], ((127.5,), (127.5,))),
        ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375], ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))),
        ([0.0], [0.0], ((), ())),
        ([float("nan")], [1.0], ((), ())),
        ([0.0, 0.0], [1.0], ((), ())),
        ([], [1.0], ((), ())),
        ([0.0] * 99, [1.0], ((), ())),
        ([0.0], [1e-30], ((), ())),
    ],
)
def test_the_file_s_mean_and_deviation(mean: list[float], std: list[float], found: tuple[object, object]) -> None:
    picture = take_picture(parse_model(with_metadata(metadata(mean, std)), "net")).picture
    assert (picture.mean, picture.std) == found


def test_other_units_of_the_file_s_metadata_say_nothing_of_pixels() -> None:
    graph = parse_model(with_metadata(metadata([1.0], [2.0], kind=2)), "net")
    assert graph.metadata.normalisation is None
    many = parse_model(with_metadata(metadata([1.0], [2.0], units=200)), "net")
    assert many.metadata.normalisation == ((1.0,), (2.0,))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=4))
def test_damaged_metadata_are_none(changes: list[tuple[int, int]]) -> None:
    content = bytearray(metadata([127.5], [127.5]))
    for place, byte in changes:
        content[place % len(content)] = byte
    data = with_metadata(bytes(content))
    found = read_metadata(Table.root(data), data, (0,)).normalisation
    assert found is None or all(1 <= len(numbers) <= 4 for numbers in found)
