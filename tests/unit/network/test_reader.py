"""Reader of .tflite files, against LiteRT's own reader, and against damaged files."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema_module
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.models.zoo import default_model
from pytest_stm32pose.network import schema
from pytest_stm32pose.network.compile import compile_bytes
from pytest_stm32pose.network.flatbuffer import FlatBufferError, Table
from pytest_stm32pose.network.reader import parse_model, read_model
from tests.support.shared_data import shared_dir
from tests.support.tflite_builder import OpSpec, TensorSpec, build_model

IN = TensorSpec("in", "int8", (1, 4, 4, 2), (0.5,), (3,))
OUT = replace(IN, name="out")
CONST = TensorSpec("const", "int8", (1, 4, 4, 2), (0.25,), (0,), data=np.arange(32, dtype=np.int8))


def add_model(tensors: tuple[TensorSpec, ...] = (IN, CONST, OUT), op: OpSpec | None = None, **more: Any) -> bytes:
    """out = in + const."""
    return build_model(tensors, [op or OpSpec("ADD", (0, 1), (2,))], more.pop("inputs", [0]), [2], **more)


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def test_operator_names_and_numbers_are_the_schemas() -> None:
    official = {v: k for k, v in vars(schema_module.BuiltinOperator).items() if not k.startswith("_")}
    assert list(schema.OPERATORS) == [official[i] for i in range(len(schema.OPERATORS))]
    assert schema.operator_name(200) == "BUILTIN_200"


def test_tensor_types_are_the_schemas() -> None:
    official = {v: k for k, v in vars(schema_module.TensorType).items() if not k.startswith("_")}
    mine = {**{n: name.upper() for n, name in schema.TENSOR_DTYPES.items()}, **schema.OTHER_TYPES}
    assert {n: official[n] for n in mine} == mine


@pytest.mark.parametrize("operator", sorted(schema.OPTIONS))
def test_options_come_back_as_written(operator: str) -> None:
    """Every option of the table, with a value that is not its default, written by the official classes."""
    table = schema.OPTIONS[operator]
    unions = {v: k for k, v in vars(schema_module.BuiltinOptions).items() if not k.startswith("_")}
    official = vars(getattr(schema_module, unions[table.union] + "T")())
    assert {camel(f.name): f.default for f in table.fields}.items() <= official.items(), "names and defaults"
    values: dict[str, Any] = {f.name: not f.default if f.fmt == "<?" else 3 + f.slot for f in table.fields}
    op = OpSpec(operator, (0, 1), (2,), values)
    assert parse_model(add_model(op=op), "m").ops[0].options == values
    bare = parse_model(add_model(op=replace(op, options=None)), "m").ops[0].options
    assert bare == {f.name: f.default for f in table.fields}


def test_tensors_and_operators() -> None:
    scales = TensorSpec("w", "int8", (2, 3), (0.5, 0.25), (0, 0), axis=0, data=np.arange(6, dtype=np.int8))
    dynamic = replace(IN, shape_signature=(-1, 4, 4, 2))
    graph = parse_model(add_model((dynamic, CONST, OUT, scales), OpSpec("ADD", (0, 1, -1), (2,), version=2)), "net")
    assert (graph.name, graph.inputs, graph.outputs) == ("net", (0,), (2,))
    assert graph.tensors[0].shape == (1, 4, 4, 2)
    assert graph.tensors[0].nbytes == 32
    assert graph.tensors[3].quantization.scale.tolist() == [0.5, 0.25]
    assert graph.tensors[3].data is not None
    assert graph.tensors[3].data.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert graph.tensors[0].data is None
    op = graph.ops[0]
    assert (op.name, op.opcode, op.version, op.inputs, op.outputs) == ("ADD", 0, 2, (0, 1, -1), (2,))


def published_models() -> list[Path]:
    folder = shared_dir()
    return [default_model(), *(sorted((folder / "models").glob("*.tflite")) if folder else [])]


@pytest.mark.parametrize("path", published_models(), ids=lambda p: p.stem)
def test_same_graph_as_litert_sees(path: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        str(path), num_threads=1, experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )  # fmt: skip
    interpreter.allocate_tensors()
    graph = read_model(path)
    details = interpreter._get_ops_details()
    assert [op.name for op in graph.ops] == [d["op_name"] for d in details]
    assert [op.outputs for op in graph.ops] == [tuple(d["outputs"]) for d in details]
    assert [op.inputs for op in graph.ops] == [tuple(d["inputs"]) for d in details]
    assert list(graph.inputs) == [d["index"] for d in interpreter.get_input_details()]
    assert list(graph.outputs) == [d["index"] for d in interpreter.get_output_details()]
    for tensor in graph.tensors:
        official = interpreter._get_tensor_details(tensor.index, 0)
        quantization = official["quantization_parameters"]
        assert tensor.name == official["name"]
        assert tensor.shape == tuple(official["shape"])
        assert tensor.dtype == np.dtype(official["dtype"]).name
        np.testing.assert_array_equal(tensor.quantization.scale, quantization["scales"])
        np.testing.assert_array_equal(tensor.quantization.zero_point, quantization["zero_points"])
        if tensor.data is not None:
            np.testing.assert_array_equal(tensor.data, interpreter.get_tensor(tensor.index))


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "m is empty"),
    "text": (lambda: b"this is no model, it is text", "not a TFLite file"),
    "two subgraphs": (lambda: add_model(extra_subgraphs=1), "2 subgraphs"),
    "type": (lambda: add_model((replace(IN, dtype="float16"), CONST, OUT)), "tensor 0 'in' has type FLOAT16"),
    "dynamic": (
        lambda: add_model((replace(IN, shape_signature=(1, -1, 4, 2)), CONST, OUT)),
        "tensor 0 'in' has a dynamic dimension 1",
    ),
    "negative size": (lambda: add_model((replace(IN, shape=(1, -4, 4, 2)), CONST, OUT)), "impossible shape"),
    "huge": (lambda: add_model((replace(IN, shape=(2**31 - 1,) * 6), CONST, OUT)), "impossible shape"),
    "rank": (lambda: add_model((replace(IN, shape=(1,) * 7), CONST, OUT)), "has 7 dimensions; at most 6"),
    "short constant": (
        lambda: add_model((IN, replace(CONST, data=b"abc"), OUT)),
        "'const' has 3 bytes .* instead of 32",
    ),
    "scales": (lambda: add_model((replace(IN, scale=(1.0, 2.0, 3.0)), CONST, OUT)), "has 3 scales for axis 0"),
    "scale": (lambda: add_model((replace(IN, scale=(float("nan"),)), CONST, OUT)), "not a number"),
    "zero points": (lambda: add_model((replace(IN, zero_point=(1, 2)), CONST, OUT)), "1 scales and 2 zero points"),
    "zero point": (lambda: add_model((replace(IN, zero_point=(2**40,)), CONST, OUT)), "zero point beyond 32 bits"),
    "operand": (lambda: add_model(op=OpSpec("ADD", (0, 9), (2,))), "operator 0 ADD names tensor 9, of 3"),
    "absent output": (lambda: add_model(op=OpSpec("ADD", (0, 1), (-1,))), "operator 0 ADD names tensor -1"),
    "read before written": (lambda: add_model(op=OpSpec("ADD", (0, 2), (2,))), "operator 0 ADD reads tensor 2"),
    "writes constant": (lambda: add_model(op=OpSpec("ADD", (0, 1), (1,))), "operator 0 ADD writes tensor 1"),
    "writes input": (lambda: add_model(op=OpSpec("ADD", (0, 1), (0,))), "operator 0 ADD writes tensor 0"),
    "constant input": (lambda: add_model(inputs=[1]), "input list names tensor 1, a constant"),
    "operand count": (
        lambda: add_model(op=OpSpec("ADD", (0,) * 1025, (2,))),
        "operator 0 ADD names 1025 tensors; up to 1024",
    ),
    "wrong options": (lambda: wrong_options(), "operator 0 MUL carries options of type 11 instead of 21"),
}


def wrong_options() -> bytes:
    """An ADD whose operator code was turned into MUL: its options are now of the wrong type."""
    model = schema_module.ModelT.InitFromPackedBuf(bytearray(add_model()), 0)
    code = model.operatorCodes[0]
    code.builtinCode = code.deprecatedBuiltinCode = schema_module.BuiltinOperator.MUL
    return pack(model)


def pack(model: Any) -> bytes:
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize("case", REFUSED)
def test_refused_by_name_and_place(case: str) -> None:
    build, message = REFUSED[case]
    with pytest.raises(ModelError, match=message):
        parse_model(build(), "m")


def sparse(tensor: Any) -> None:
    tensor.sparsity = schema_module.SparsityParametersT()


def variable(tensor: Any) -> None:
    tensor.isVariable = True


def external(tensor: Any) -> None:
    tensor.externalBuffer = 1


def custom(tensor: Any) -> None:
    tensor.quantization.detailsType = schema_module.QuantizationDetails.CustomQuantization
    tensor.quantization.details = schema_module.CustomQuantizationT()


@pytest.mark.parametrize(
    ("change", "message"),
    [(sparse, "sparse"), (variable, "variable"), (external, "external file"), (custom, "custom or blockwise")],
)
def test_unsupported_tensor_features(change: Callable[[Any], None], message: str) -> None:
    model = schema_module.ModelT.InitFromPackedBuf(bytearray(add_model()), 0)
    change(model.subgraphs[0].tensors[1])
    with pytest.raises(ModelError, match=f"tensor 1 'const' .*{message}"):
        parse_model(pack(model), "m")


def test_buffer_outside_the_flatbuffer() -> None:
    model = schema_module.ModelT.InitFromPackedBuf(bytearray(add_model()), 0)
    model.buffers[1].data, model.buffers[1].offset, model.buffers[1].size = None, 4096, 32
    with pytest.raises(ModelError, match="tensor 1 'const' is stored outside the flatbuffer"):
        parse_model(pack(model), "m")


def test_schema_version() -> None:
    model = schema_module.ModelT.InitFromPackedBuf(bytearray(add_model()), 0)
    model.version = 4
    with pytest.raises(ModelError, match="schema version 4"):
        parse_model(pack(model), "m")


def test_missing_file_and_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.tflite", tmp_path):
        with pytest.raises(ModelError, match=f"{path.name} cannot be read: "):
            read_model(path)


def test_messages_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "notes.tflite"
    cases = {b"just some text": "is not a TFLite file", b"": "is empty", b"\xff" * 4 + b"TFL3": "is damaged"}
    for content, message in cases.items():
        path.write_bytes(content)
        with pytest.raises(ModelError, match=rf"^The model notes\.tflite {message}"):
            read_model(path)


@pytest.mark.parametrize(
    "table", [b"\x08\0\0\0TFL3\xff\xff\xff\x7f", b"\xff\xff\xff\xffTFL3", b"\x08\0\0\0TFL3\0\0\0\0"]
)
def test_absurd_offsets(table: bytes) -> None:
    with pytest.raises(FlatBufferError):
        Table.root(table)
    with pytest.raises(ModelError, match="damaged or truncated"):
        parse_model(table, "m")


def read_positions(data: bytes, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Offsets of all bytes of structure (not weights or names) that compiling looks at."""
    import struct

    touched: set[int] = set()

    class Spy:
        calcsize = staticmethod(struct.calcsize)

        @staticmethod
        def unpack_from(fmt: str, buffer: bytes, position: int) -> Any:
            touched.update(range(position, position + struct.calcsize(fmt)))
            return struct.unpack_from(fmt, buffer, position)

    with monkeypatch.context() as patched:
        patched.setattr("pytest_stm32pose.network.flatbuffer.struct", Spy)
        compile_bytes(data, "m")
    return sorted(touched)


def compiles_or_refuses(data: bytes) -> bool:
    """True when it compiled; any other exception than ModelError fails the test."""
    try:
        compile_bytes(data, "m")
    except ModelError as error:
        assert error.message
        return False
    return True


def test_damaged_structure_is_refused_in_one_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every structural byte of a real model is a target; seeded, so that a failure comes again."""
    data = default_model().read_bytes()
    targets = read_positions(data, monkeypatch)
    rnd = random.Random(7)
    outcomes = set()
    for _ in range(1200):
        damaged = bytearray(data)
        for position in rnd.sample(targets, rnd.choice((1, 1, 2, 5))):
            damaged[position] = rnd.choice((damaged[position] ^ 1 << rnd.randrange(8), rnd.randrange(256), 0, 127, 255))
        outcomes.add(compiles_or_refuses(bytes(damaged)))
    assert outcomes == {True, False}


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_truncated_and_flipped_files(data: st.DataObject) -> None:
    whole = default_model().read_bytes()
    damaged = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for position in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=6)):
        if position < len(damaged):
            damaged[position] = data.draw(st.integers(0, 255))
    compiles_or_refuses(bytes(damaged))


def test_a_very_long_name_is_cut() -> None:
    """Converters join the names of what they fuse; that is no damage."""
    long = "a;" * 5000
    graph = parse_model(add_model((IN, CONST, replace(OUT, name=long))), "m")
    assert graph.tensors[2].name == long[:4096]


@pytest.mark.parametrize(("dtype", "said"), [("float16", "weights are float16"), ("int4", "weights are int4")])
def test_other_weights_have_their_remedy(dtype: str, said: str) -> None:
    with pytest.raises(ModelError) as error:
        parse_model(add_model((IN, replace(CONST, dtype=dtype, data=bytes(16)), OUT)), "m")
    assert said in error.value.remedy
