"""The golden engine against LiteRT used directly, and against TensorFlow's own reference kernels; what it refuses."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_stm32pose.errors import GoldenError, ModelError
from pytest_stm32pose.families import Meaning
from pytest_stm32pose.families.own import Outputs, PoseFamily
from pytest_stm32pose.golden.engine import GoldenEngine
from tests.firmware.input_forms import FORMS, HEIGHT, WIDTH, network
from tests.support.shared_data import shared_dir
from tests.support.tflite_builder import OpSpec, TensorSpec, build_model

MODEL = Path(__file__).resolve().parents[3] / "fixtures" / "models" / "stick_pose_96_int8.tflite"


@pytest.fixture(scope="module")
def engine() -> GoldenEngine:
    return GoldenEngine(MODEL)


def picture(engine: GoldenEngine, seed: int = 1) -> np.ndarray:
    shape = tuple(int(size) for size in engine._input["shape"])
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def test_identity(engine: GoldenEngine) -> None:
    from importlib.metadata import version

    assert engine.identity.engine == "ai-edge-litert"
    assert engine.identity.version == version("ai-edge-litert")
    assert engine.identity.resolver == "BUILTIN_REF"
    assert engine.model_sha256 == hashlib.sha256(MODEL.read_bytes()).hexdigest()


def test_intermediates_do_not_change_the_answer(engine: GoldenEngine) -> None:
    given_input = picture(engine)
    plain = engine.run(given_input[0])
    full = engine.run(given_input, intermediates=True)
    assert plain.intermediates == ()
    np.testing.assert_array_equal(plain.outputs[0].data, full.outputs[0].data)
    np.testing.assert_array_equal(plain.keypoints_norm, full.keypoints_norm)
    assert plain.keypoints_norm is not None
    assert plain.keypoints_norm.shape == (1, plain.outputs[0].data.shape[3], 3)
    first, *rest = full.intermediates
    assert first.op_source == -1
    np.testing.assert_array_equal(first.data, given_input)
    assert [tensor.op_source for tensor in rest] == sorted(tensor.op_source for tensor in rest)
    assert rest[-1].source == full.outputs[0].source
    np.testing.assert_array_equal(rest[-1].data, full.outputs[0].data)


def test_a_dequantised_output_knows_its_step(engine: GoldenEngine) -> None:
    full = engine.run(picture(engine), intermediates=True)
    output = full.outputs[0]
    assert output.op_name == "DEQUANTIZE"
    assert output.lsb > 0
    before = next(t for t in full.intermediates if t.op_source == output.op_source - 1 and t.data.dtype == np.int8)
    steps = output.data.astype(np.float64) / output.lsb
    np.testing.assert_allclose(np.diff(steps.ravel()), np.diff(before.data.ravel().astype(int)), atol=1e-3)


def all_tensors(model: Path, given_input: np.ndarray) -> dict[int, np.ndarray]:
    """TensorFlow's copy of the reference kernels, through its own interpreter class."""
    tf = pytest.importorskip("tensorflow", reason="TensorFlow is the reference of this test")
    interpreter = tf.lite.Interpreter(
        model_path=str(model),
        num_threads=1,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_REF,
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], given_input)
    interpreter.invoke()
    return {int(t): interpreter.get_tensor(int(t)) for op in interpreter._get_ops_details() for t in op["outputs"]}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_every_tensor_equals_tensorflows(engine: GoldenEngine) -> None:
    shared = shared_dir()
    models = [MODEL]
    if shared is not None and (shared / "models").is_dir():
        models.append(shared / "models" / "st_movenet_lightning_heatmaps_192_int8_pc.tflite")
    for model in models:
        mine = GoldenEngine(model)
        given_input = picture(mine, 4)
        reference = all_tensors(model, given_input)
        result = mine.run(given_input, intermediates=True)
        assert {tensor.source for tensor in result.intermediates[1:]} == set(reference)
        for tensor in result.intermediates[1:]:
            np.testing.assert_array_equal(tensor.data, reference[tensor.source], f"{model.name} {tensor.source}")


def test_inputs_that_do_not_fit(engine: GoldenEngine) -> None:
    good = picture(engine)
    for bad in (good[:, :-1], good.astype(np.int8), good.astype(np.float32), good[0, 0]):
        with pytest.raises(GoldenError, match=r"wants uint8 \[1, 96, 96, 3\] input"):
            engine.run(bad)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not a .tflite model"),
        (b"hello, this is text", "is not a .tflite model"),
        (b"\x1c\0\0\0TFL3" + bytes(100), "cannot be loaded by LiteRT"),
    ],
)
def test_files_that_are_no_models(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        GoldenEngine(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_missing_and_too_big_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        GoldenEngine(tmp_path / "gone.tflite")
    monkeypatch.setattr("pytest_stm32pose.golden.engine.MAX_MODEL_BYTES", 1000)
    with pytest.raises(ModelError, match="models are read up to 1000"):
        GoldenEngine(MODEL)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(0, 0.999))
def test_truncated_models(tmp_path: Path, fraction: float) -> None:
    content = MODEL.read_bytes()
    path = tmp_path / "model.tflite"
    path.write_bytes(content[: int(len(content) * fraction)])
    with pytest.raises(ModelError, match=r"model\.tflite"):
        GoldenEngine(path)


def test_a_custom_operator_is_refused(tmp_path: Path) -> None:
    tensors = [TensorSpec("in", "float32", (1, 4)), TensorSpec("out", "float32", (1, 4))]
    path = tmp_path / "custom.tflite"
    path.write_bytes(build_model(tensors, [OpSpec("CUSTOM:Mystery", (0,), (1,))], (0,), (1,)))
    with pytest.raises(ModelError, match="Mystery"):
        GoldenEngine(path)


def test_a_network_of_no_family_has_tensors_but_no_keypoints(tmp_path: Path) -> None:
    tensors = [TensorSpec("in", "float32", (1, 4)), TensorSpec("out", "float32", (1, 4))]
    path = tmp_path / "plain.tflite"
    path.write_bytes(build_model(tensors, [OpSpec("LOGISTIC", (0,), (1,), None)], (0,), (1,)))
    result = GoldenEngine(path).run(np.zeros((1, 4), np.float32))
    assert result.keypoints_norm is None
    np.testing.assert_array_equal(result.outputs[0].data, np.full((1, 4), 0.5, np.float32))
    assert (result.outputs[0].op_name, result.outputs[0].lsb) == ("LOGISTIC", 0.0)


def test_two_inputs_are_refused(tmp_path: Path) -> None:
    tensors = [TensorSpec(name, "float32", (1, 4)) for name in ("a", "b", "out")]
    path = tmp_path / "two.tflite"
    path.write_bytes(build_model(tensors, [OpSpec("ADD", (0, 1), (2,))], (0, 1), (2,)))
    with pytest.raises(ModelError, match="has 2 inputs"):
        GoldenEngine(path)


def test_without_litert(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(GoldenError, match="pip install ai-edge-litert"):
        GoldenEngine(MODEL)


@pytest.mark.parametrize("form", ["float32", "channels_first", "grey_channels_first"])
def test_a_users_decoder_gets_the_height_and_width_of_the_picture(form: str, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    def decode(outputs: Outputs) -> np.ndarray:
        seen.append((outputs.height, outputs.width))
        return np.zeros((1, 4, 3))

    path = tmp_path / f"{form}.tflite"
    path.write_bytes(network(FORMS[form]))
    asked = FORMS[form]
    engine = GoldenEngine(path, Meaning("mine", 4), PoseFamily("mine", 4, decode, "1"))
    engine.run(np.zeros((HEIGHT, WIDTH, asked.channels), asked.dtype))
    assert seen == [(HEIGHT, WIDTH)]
