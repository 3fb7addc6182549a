"""What a .tflite says before anything is compiled: its picture input, the range of its outputs, exporters' words."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.families import Stated
from pytest_stm32pose.families.own import PoseFamily
from pytest_stm32pose.network.compile import describe_graph, with_own_family
from pytest_stm32pose.network.inspect import inspect_model
from pytest_stm32pose.network.meaning import facts_of, likely_meaning, meaning_of, own_meaning
from pytest_stm32pose.network.picture_input import check_picture_input
from pytest_stm32pose.network.reader import parse_model
from pytest_stm32pose.types import Decoding
from tests.support.shared_data import shared_dir
from tests.support.tflite_builder import OpSpec, TensorSpec, build_model

DATA = shared_dir()
ANCHORS = 84  #: of YOLO for 64 x 64 pixels


def network(
    output: tuple[int, ...] = (1, 16, 16, 13),
    *,
    picture: tuple[str, tuple[int, ...]] = ("uint8", (1, 64, 64, 3)),
    scale: float = 1 / 256,
    name: str = "output",
) -> bytes:
    """A picture, and an output that is dequantised from int8 of this scale and zero point -128; no kernel between."""
    dtype, shape = picture
    tensors = (
        TensorSpec(
            "picture", dtype, shape, (1 / 255,) if dtype != "float32" else (), (0,) if dtype != "float32" else ()
        ),
        TensorSpec("maps", "int8", output, (scale,), (-128,)),
        TensorSpec(name, "float32", output),
    )
    return build_model(tensors, [OpSpec("COS", (0,), (1,)), OpSpec("DEQUANTIZE", (1,), (2,))], [0], [2])


def meaning(data: bytes, **options: object) -> tuple[str, int]:
    found = meaning_of(parse_model(data, "net"), **options)  # type: ignore[arg-type]
    return found.family, found.keypoints


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (("int16", (1, 64, 64, 3)), ["int16", "tf.uint8"]),
        (("uint8", (1, 64, 64, 4)), ["[1, 64, 64, 4]", "RGB"]),
        (("uint8", (1, 3, 64, 64)), ["channels come first", "NHWC"]),
        (("uint8", (1, 64, 64)), ["one picture"]),
        (("uint8", (2, 64, 64, 3)), ["one picture"]),
    ],
)
def test_an_input_that_takes_no_picture_is_refused_with_the_remedy(
    picture: tuple[str, tuple[int, ...]], words: list[str]
) -> None:
    with pytest.raises(ModelError) as caught:
        check_picture_input(parse_model(network(picture=picture), "net"))
    assert caught.value.remedy
    for word in ("net: ", *words):
        assert word in str(caught.value)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "float32"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_is_taken(dtype: str, channels: int) -> None:
    check_picture_input(parse_model(network(picture=(dtype, (1, 64, 64, channels))), "net"))


def test_a_network_of_floats_is_refused_with_the_remedy() -> None:
    tensors = [TensorSpec("picture", "float32", (1, 64, 64, 3)), TensorSpec("maps", "float32", (1, 16, 16, 13))]
    with pytest.raises(ModelError, match=r"float32 \[1, 64, 64, 3\], and nothing .* 8 bits\. Quantise .* convert"):
        check_picture_input(parse_model(build_model(tensors, [OpSpec("TILE", (0,), (1,))], [0], [1]), "net"))


def test_the_range_of_an_output_is_that_of_its_quantisation() -> None:
    [output] = facts_of(parse_model(network((1, 56, ANCHORS), scale=0.5), "net")).outputs
    assert (output.low, output.high, output.dtype, output.operator) == (0.0, 127.5, "float32", "COS")
    assert meaning(network((1, 56, ANCHORS))) == ("yolo", 17)
    found = meaning_of(parse_model(network((1, 56, ANCHORS), scale=0.5), "net"))
    assert (found.family, found.keypoints, found.layout.text) == ("yolo", 17, "pixels")
    assert found.layout.input_size == (64, 64)


def joined(*tails: str) -> bytes:
    """Float parts, each dequantised and then what `tails` says, joined to [1, 56, ANCHORS]."""
    rows = 56 // len(tails)
    tensors = [TensorSpec("picture", "uint8", (1, 64, 64, 3), (1 / 255,), (0,))]
    ops, parts = [], []
    for number, tail in enumerate(tails):
        shape, first = (1, rows, ANCHORS), len(tensors)
        tensors += [
            TensorSpec(f"q{number}", "int8", shape, (1 / 256,), (-128,)),
            TensorSpec(f"f{number}", "float32", shape),
            TensorSpec(f"c{number}", "float32", (1,), data=np.array([64], np.float32)),
            TensorSpec(f"p{number}", "float32", shape),
        ]
        ops += [OpSpec("COS", (0,), (first,)), OpSpec("DEQUANTIZE", (first,), (first + 1,))]
        ops.append(OpSpec(tail, (first + 1, first + 2) if tail == "MUL" else (first + 1,), (first + 3,)))
        parts.append(first + 3)
    tensors.append(TensorSpec("output", "float32", (1, 56, ANCHORS)))
    ops.append(OpSpec("CONCATENATION", tuple(parts), (len(tensors) - 1,), {"axis": 1}))
    return build_model(tensors, ops, [0], [len(tensors) - 1])


@pytest.mark.parametrize(
    ("tails", "high"),
    [
        (("RESHAPE", "LOGISTIC"), 1.0),
        (("RESHAPE", "MUL"), 64 * 255 / 256),  # boxes of 0 to 1, keypoints in pixels
        (("LOGISTIC", "LOGISTIC", "MUL", "LOGISTIC"), 64 * 255 / 256),
        (("RESHAPE", "EXP"), None),
    ],
)
def test_ranges_are_followed_through_float_tails(tails: tuple[str, ...], high: float | None) -> None:
    data = joined(*tails)
    [output] = facts_of(parse_model(data, "net")).outputs
    assert output.high == (high if high is None else pytest.approx(high))
    if high is None:
        with pytest.raises(ModelError, match="0 to 1 from pixels"):
            meaning(data)
        assert meaning(data, stated=Stated(pixels=True)) == ("yolo", 17)
    else:
        assert meaning_of(parse_model(data, "net")).layout.pixels == (high > 1)


def test_the_range_of_the_boxes_is_not_that_of_the_keypoints() -> None:
    """Boxes and scores (the first 8 of 56 rows here) in pixels, keypoints behind them in 0 to 1."""
    data = joined("MUL", *["LOGISTIC"] * 6)
    [output] = facts_of(parse_model(data, "net")).outputs
    assert output.high == pytest.approx(63.75)
    assert [part.length for part in output.parts] == [8] * 7
    assert output.highest(1, 8, 56) == 1.0
    assert output.highest(1, 5, 56) == pytest.approx(63.75)


def with_zip(data: bytes, name: str, content: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, content)
    return data + packed.getvalue()


@pytest.mark.parametrize("text", [json.dumps, str], ids=["json", "python"])
def test_ultralytics_metadata_are_read(text: object) -> None:
    assert callable(text)
    plain = network((1, 29, ANCHORS))
    with pytest.raises(ModelError, match="8 is no usual number"):
        meaning(plain)
    tiger = with_zip(plain, "metadata.json", text({"task": "pose", "kpt_shape": [12, 2]}))
    assert meaning_of(parse_model(tiger, "net"))[:2] == ("yolo", 12)
    assert meaning_of(parse_model(tiger, "net")).layout.values == 2
    both = with_zip(plain, "metadata.json", text({"task": "pose", "kpt_shape": [11, 2], "names": ["a", "b", "c"]}))
    assert meaning_of(parse_model(both, "net")).layout.text == "values=2 classes=3"
    other = with_zip(plain, "metadata.json", text({"task": "pose", "kpt_shape": [10, 2]}))
    with pytest.raises(ModelError, match="10 keypoints of 2 values"):
        meaning(other)
    dog = with_zip(network((1, 77, ANCHORS)), "temp_meta.txt", text({"task": "pose", "kpt_shape": [24, 3]}))
    assert meaning(dog) == ("yolo", 24)
    detector = with_zip(network((1, 56, ANCHORS)), "metadata.json", text({"task": "detect"}))
    with pytest.raises(ModelError, match="'detect'"):
        meaning(detector)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"task": 5, "kpt_shape": "x"}', '{"kpt_shape": [1, 2, 3]}', "(" * 5000, '{"task": null}'],
)
def test_metadata_that_cannot_be_read_are_as_if_not_there(content: str) -> None:
    assert meaning(with_zip(network(), "metadata.json", content)) == ("heatmap", 13)


def test_a_damaged_zip_is_as_if_not_there() -> None:
    good = with_zip(network(), "metadata.json", json.dumps({"task": "detect"}))
    start = len(network())
    for at in range(start, len(good), 7):
        damaged = good[:at] + bytes([good[at] ^ 0xFF]) + good[at + 1 :]
        assert likely_meaning(parse_model(damaged, "net"))[0] in ("heatmap", "none")
    assert meaning(good[:-5]) == ("heatmap", 13)


def test_names_of_signatures_speak_too() -> None:
    model = schema.ModelT.InitFromPackedBuf(network(), 0)
    signature, output = schema.SignatureDefT(), schema.TensorMapT()
    output.name, output.tensorIndex = "segmentation", 2
    signature.outputs, signature.inputs, signature.signatureKey = [output], [], "serving_default"
    model.signatureDefs = [signature]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    with pytest.raises(ModelError, match="called 'segmentation'"):
        meaning(bytes(builder.Output()))
    assert meaning(bytes(builder.Output()), family="heatmap") == ("heatmap", 13)


def test_names_of_tensors_speak_too() -> None:
    with pytest.raises(ModelError, match="called 'model/offset_2'"):
        meaning(network(name="model/offset_2"))


def test_inspect_refuses_with_the_remedy(tmp_path: Path) -> None:
    """What compiles and cannot be tested, as what does not compile."""
    from tests.firmware.tiny_yolo import tiny_yolo

    file = tmp_path / "small.tflite"
    file.write_bytes(tiny_yolo(17, 300))
    found = inspect_model(file)
    assert not found.supported
    assert found.compiled is not None
    [line] = [line for line in found.lines if line.startswith("refused: ")]
    assert "300 columns" in line
    assert inspect_model(file, family="yolo").supported
    none = inspect_model(file, family="none")
    assert none.supported
    assert none.lines[0].startswith("small: no family, tensors only, input uint8")


#: Networks of the wild that run as they are; all others are refused, and where it helps, --pose-family=none runs them.
RUN = {
    "heat_f32_f32", "heat_i8_f32", "heat_i8_i8", "heat_keras_batch_none", "heat_per_tensor", "heat_u8_f32",
    "nchw_input", "op_abs", "op_batchmatmul", "op_conv_groups", "op_d2s", "op_exp", "op_gelu", "op_hsig", "op_l2",
    "op_pow", "op_prelu", "op_reduce_max", "op_relu", "op_relu_n1", "op_resize_ac", "op_rsqrt", "op_square",
    "op_strided_neg", "op_tanh", "op_tile", "op_topk", "simplebaseline_fixed", "upsample_batch_none",
    "heat_and_offsets",
}  # fmt: skip
WILD = sorted((DATA / "data" / "wild" / "networks").glob("*.tflite")) if DATA else []


@pytest.mark.skipif(not WILD, reason="the validation data are not there: STM32POSE_DATA names their folder")
def test_networks_that_people_have_are_run_or_refused_with_a_remedy() -> None:
    for path in WILD:
        try:
            found = inspect_model(path)
        except ModelError as error:
            assert error.remedy, path.name
            continue
        refused = [line for line in found.lines if line.startswith(("refused: ", "unsupported: "))]
        assert found.supported == (not refused) == (path.stem in RUN), path.name


def test_of_a_users_family_only_the_drawing_is_taken_and_what_it_leaves_no_room_for_is_refused() -> None:
    own, graph = PoseFamily("mine", 4, len), parse_model(network(), "net")
    found = own_meaning(own, graph, decoding=Decoding(score=0.5, keypoint_score=0.4))
    assert (found.family, found.keypoints, found.decoding) == ("mine", 4, Decoding(keypoint_score=0.4))
    assert with_own_family(describe_graph(graph), own, found).description.decoding == found.decoding
    for stated in (Stated(pixels=True), Stated(classes=2), Stated(outputs=(0,))):
        with pytest.raises(ModelError, match="--pose-outputs mean nothing to the family mine, whose decoder"):
            own_meaning(own, graph, stated=stated)


def test_inspect_asks_a_users_family_as_a_run_does(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(float_free())
    own = PoseFamily("mine", 4, len)
    assert inspect_model(path, own=own, family="mine", decoding=Decoding(score=0.5)).supported
    refused = inspect_model(path, own=own, family="mine", stated=Stated(classes=2))
    assert not refused.supported
    assert "mean nothing to the family mine" in refused.lines[-1]


def float_free() -> bytes:
    """A network that compiles."""
    tensors = (
        TensorSpec("picture", "uint8", (1, 8, 8, 3), (1.0,), (0,)),
        TensorSpec("maps", "int8", (1, 8, 8, 3), (1.0,), (-128,)),
    )
    return build_model(tensors, [OpSpec("QUANTIZE", (0,), (1,))], [0], [1])
