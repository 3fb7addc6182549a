"""Networks outside the zoo, from Keras to the device: they give LiteRT's bits, or the operator is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.families import Meaning
from pytest_stm32pose.models.convert import Conversion, convert
from pytest_stm32pose.models.zoo import default_pictures
from pytest_stm32pose.network.compile import PLANS, compile_model
from tests.firmware import unseen_networks
from tests.firmware.test_detection_networks import check_bits
from tests.virtual.suite_run import run_suite

pytest.importorskip("tensorflow", reason="TensorFlow makes these networks: pip install 'pytest-stm32pose[train]'")
#: Name -> family, keypoints, an operator that makes it special.
NETWORKS = {"squeeze_net": ("heatmap", 21, "TRANSPOSE_CONV"), "yolo11": ("yolo", 17, "BATCH_MATMUL")}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("unseen")
    made = {}
    for name in (*NETWORKS, "elu"):
        source = unseen_networks.save(getattr(unseen_networks, name)(), folder / name)
        made[name] = folder / f"{name}.tflite"
        convert(Conversion(source, default_pictures(), 4), made[name])
    return made


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("name", NETWORKS)
def test_bit_for_bit(name: str, plan: str, models: dict[str, Path]) -> None:
    family, keypoints, operator = NETWORKS[name]
    compiled = compile_model(models[name], plan=plan, meaning=Meaning(family, keypoints))
    assert (compiled.description.family, compiled.description.keypoints) == (family, keypoints)
    assert operator in {op.name for op in compiled.graph.ops}
    if name == "yolo11":
        said = f"{unseen_networks.POSITIONS} convolutions of a split as one"
        assert (said in compiled.transformations) == (plan == "small")
    random = np.random.default_rng(9)
    for _ in range(3):
        picture = random.integers(0, 256, (1, *compiled.description.input_shape), np.uint8)
        check_bits(compiled, models[name].read_bytes(), picture)


@pytest.mark.parametrize("board", ["qemu-m55", "qemu-m55-mve"])
@pytest.mark.parametrize("name", NETWORKS)
def test_on_the_device(name: str, board: str, models: dict[str, Path], tmp_path: Path) -> None:
    """The suite as it is; weights are random, so nothing is known about where persons are."""
    done = run_suite(tmp_path, f"--board={board}", f"--pose-model={models[name]}", f"--pose-family={NETWORKS[name][0]}",
                     "--pose-max-images=2")  # fmt: skip
    assert done.exit_code == 0, done.output
    [entry] = done.record["models"]
    assert all(tensor["differing"] == 0 for image in entry["images"] for tensor in image["tensors"])


def test_an_operator_that_no_kernel_has_is_named(models: dict[str, Path]) -> None:
    with pytest.raises(ModelError, match=r"operator \d+ ELU .* is not supported; supported: ABS, ADD, "):
        compile_model(models["elu"])
