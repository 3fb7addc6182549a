"""Float to int8: a tiny network made here, quantised, compiled by this project, and run by LiteRT. Needs tensorflow."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_stm32pose.errors import ConfigError, ModelError
from pytest_stm32pose.models.convert import Conversion, convert
from pytest_stm32pose.network.compile import compile_model
from pytest_stm32pose.network.reader import read_model
from pytest_stm32pose.pictures.files import load_pictures
from pytest_stm32pose.pictures.preprocess import stretch

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
tensorflow = pytest.importorskip(
    "tensorflow", reason="tensorflow is not installed: pip install 'pytest-stm32pose[train]'"
)

HEIGHT, WIDTH, KEYPOINTS = 32, 48, 13


def network(height: int | None, width: int | None) -> Any:
    """Heat maps of a quarter of the size, with weights that differ much between channels."""
    tensorflow.keras.utils.set_random_seed(7)
    layers = tensorflow.keras.layers
    picture = tensorflow.keras.Input((height, width, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu6")(picture)
    x = layers.DepthwiseConv2D(3, strides=2, padding="same", activation="relu6")(x)
    model = tensorflow.keras.Model(picture, layers.Conv2D(KEYPOINTS, 1, activation="sigmoid")(x))
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([kernel * np.geomspace(30, 900, KEYPOINTS, dtype=np.float32), bias])
    return model


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same network as a Keras file, as a SavedModel, and one that takes any size."""
    folder = tmp_path_factory.mktemp("float")
    model, free = network(HEIGHT, WIDTH), network(None, None)
    model.save(folder / "tiny.keras")
    model.export(folder / "tiny", verbose=False)
    free.save(folder / "free.keras")
    return {"keras": folder / "tiny.keras", "savedmodel": folder / "tiny", "free": folder / "free.keras"}


@pytest.fixture(scope="module")
def float_network(sources: dict[str, Path]) -> Any:
    return tensorflow.keras.models.load_model(sources["keras"])


def pictures_in(fixtures_dir: Path) -> Path:
    return fixtures_dir / "images"


def run_reference(path: Path, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """LiteRT's reference kernels."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_path=str(path), experimental_op_resolver_type=OpResolverType.BUILTIN_REF, num_threads=1
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture[np.newaxis])
    interpreter.invoke()
    output: NDArray[np.float32] = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    return output


@pytest.mark.parametrize("source", ["keras", "savedmodel"])
@pytest.mark.parametrize("input_range", [(0.0, 1.0), (-1.0, 1.0)])
def test_int8_network_that_this_project_compiles(
    source: str,
    input_range: tuple[float, float],
    sources: dict[str, Path],
    float_network: Any,
    fixtures_dir: Path,
    tmp_path: Path,
) -> None:
    output = tmp_path / "tiny.tflite"
    conversion = Conversion(sources[source], pictures_in(fixtures_dir), 4, input_range=input_range)
    assert convert(conversion, output) == 4
    compiled = compile_model(output)
    description = compiled.description
    assert (description.family, description.keypoints) == ("heatmap", KEYPOINTS)
    assert (description.input_dtype, description.input_shape) == ("uint8", (HEIGHT, WIDTH, 3))
    graph = read_model(output)
    assert graph.tensors[graph.outputs[0]].dtype == "float32"
    scale = graph.tensors[graph.inputs[0]].quantization.scale
    assert scale[0] == pytest.approx((input_range[1] - input_range[0]) / 255, rel=1e-3)

    picture = stretch(load_pictures(pictures_in(fixtures_dir), 4)[2].pixels, HEIGHT, WIDTH)
    low, high = input_range
    expected = float_network(low + picture[np.newaxis].astype(np.float32) * (high - low) / 255).numpy()
    error = run_reference(output, picture) - expected
    assert np.sqrt(np.mean(error**2)) < 0.1 * np.std(expected), "quantisation noise is less than 20 dB below the signal"
    swapped = run_reference(output, picture[..., ::-1].copy()) - expected
    assert np.sqrt(np.mean(swapped**2)) > 2 * np.sqrt(np.mean(error**2)), "the comparison would not see wrong channels"


def scales_of_weights(path: Path) -> list[int]:
    """How many scales the weights of each convolution have."""
    graph = read_model(path)
    return [
        len(graph.tensors[op.inputs[1]].quantization.scale)
        for op in graph.ops
        if op.name in ("CONV_2D", "DEPTHWISE_CONV_2D")
    ]


def test_per_channel_and_per_tensor(sources: dict[str, Path], fixtures_dir: Path, tmp_path: Path) -> None:
    for per_tensor, expected in ((False, [8, 8, KEYPOINTS]), (True, [1, 1, 1])):
        output = tmp_path / f"{per_tensor}.tflite"
        convert(Conversion(sources["keras"], pictures_in(fixtures_dir), 2, per_tensor=per_tensor), output)
        assert scales_of_weights(output) == expected
        compile_model(output)


def test_the_input_range_does_not_depend_on_the_pictures(sources: dict[str, Path], tmp_path: Path) -> None:
    """Grey pictures of a narrow range: a device's byte must still mean what it meant in training."""
    from PIL import Image

    grey = np.random.default_rng(1).integers(100, 140, (40, 60, 3), dtype=np.uint8)
    (tmp_path / "grey").mkdir()
    Image.fromarray(grey).save(tmp_path / "grey" / "grey.png")
    convert(Conversion(sources["keras"], tmp_path / "grey"), tmp_path / "o.tflite")
    graph = read_model(tmp_path / "o.tflite")
    quantization = graph.tensors[graph.inputs[0]].quantization
    assert quantization.scale[0] == pytest.approx(1 / 255, rel=1e-3)
    assert quantization.zero_point[0] == 0


def test_a_network_of_any_size_needs_one(sources: dict[str, Path], fixtures_dir: Path, tmp_path: Path) -> None:
    free, images = sources["free"], pictures_in(fixtures_dir)
    with pytest.raises(ConfigError, match=r"takes pictures of any size. Say which: --size"):
        convert(Conversion(free, images, 2), tmp_path / "o.tflite")
    convert(Conversion(free, images, 2, size=(64, 32)), tmp_path / "o.tflite")
    assert compile_model(tmp_path / "o.tflite").description.input_shape == (64, 32, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": (HEIGHT, 64)}, "takes 48 pixels along that side, not 64"),
        ({"input_range": (1.0, 0.0)}, "input range 1 to 0 is empty"),
        ({"input_range": (0.0, float("nan"))}, "is empty"),
        ({"count": 0}, "--count: 0"),
        ({"source": Path("nowhere")}, "no model nowhere"),
        ({"images": Path("nowhere")}, "nowhere"),
    ],
    ids=str,
)
def test_bad_requests(
    change: dict[str, Any], message: str, sources: dict[str, Path], fixtures_dir: Path, tmp_path: Path
) -> None:
    asked = {"source": sources["keras"], "images": pictures_in(fixtures_dir), "count": 2, **change}
    with pytest.raises(ConfigError, match=message):
        convert(Conversion(**asked), tmp_path / "o.tflite")
    assert not (tmp_path / "o.tflite").exists()


def test_files_that_are_no_networks(fixtures_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "text.keras").write_text("not a network")
    (tmp_path / "text.onnx").write_text("not a network")
    (tmp_path / "folder").mkdir()
    images = pictures_in(fixtures_dir)
    for name, error, message in (
        ("text.keras", ModelError, "text.keras cannot be loaded"),
        ("text.onnx", ConfigError, "is no SavedModel folder and no .keras or .h5 file"),
        ("folder", ModelError, "folder cannot be loaded"),
    ):
        with pytest.raises(error, match=message):
            convert(Conversion(tmp_path / name, images, 1), tmp_path / "o.tflite")


def test_an_input_that_is_no_picture(fixtures_dir: Path, tmp_path: Path) -> None:
    vector = tensorflow.keras.Input((16,))
    tensorflow.keras.Model(vector, tensorflow.keras.layers.Dense(3)(vector)).save(tmp_path / "vector.keras")
    with pytest.raises(ModelError, match=r"a pose network has one, \[1, height, width, 3\]"):
        convert(Conversion(tmp_path / "vector.keras", pictures_in(fixtures_dir), 1), tmp_path / "o.tflite")


def test_command_line(sources: dict[str, Path], fixtures_dir: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest_stm32pose.cli", "models", "convert", str(sources["savedmodel"])]
    options = ["--images", str(pictures_in(fixtures_dir)), "--count", "2", "--input-range=-1,1", "-o", "out.tflite"]
    done = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "calibrated with 2 pictures" in done.stdout
    assert "arena peak at operator" in done.stdout
    assert read_model(tmp_path / "out.tflite").tensors
