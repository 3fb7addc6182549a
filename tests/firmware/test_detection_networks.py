"""YOLOv8n pose on the host library: every tensor that exists is LiteRT's. Needs the validation data; skips without."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_stm32pose.firmware.build import KERNEL_SETS, build_host_library
from pytest_stm32pose.models.zoo import find_model, zoo
from pytest_stm32pose.network import image as layout
from pytest_stm32pose.network.compile import PLANS, CompiledNetwork, compile_model
from tests.firmware.runtime_host import HostNet
from tests.firmware.test_runtime import picture_of, reference
from tests.support.shared_data import shared_dir

NETWORKS = [row.name for row in zoo().values() if row.family == "yolo"]


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_tensor_bit_for_bit(name: str, plan: str) -> None:
    path, folder = find_model(name), shared_dir()
    if path is None:
        pytest.skip(f"{zoo()[name].file} is not here; put it into $STM32POSE_DATA/models")
    compiled = compile_model(path, plan=plan)
    photographs = sorted((folder / "data" / "coco_val2017" / "images").glob("*.jpg")) if folder else []
    noise = np.random.default_rng(3).integers(0, 256, (1, *compiled.description.input_shape), np.uint8)
    check_bits(compiled, path.read_bytes(), picture_of(photographs[0], compiled) if photographs else noise)


def check_bits(compiled: CompiledNetwork, model: bytes, picture: NDArray[np.uint8]) -> None:
    """Every tensor that the plan keeps, on every kernel set of the host."""
    expected = reference(model, picture)
    for kernels in KERNEL_SETS:
        net = HostNet(build_host_library(kernels))
        assert net.open(compiled.image) == 0
        run = net.run(picture)
        assert run.status == 0
        assert run.tensors.keys() == set(compiled.tensors)
        for tensor, (source, actual) in run.tensors.items():
            np.testing.assert_array_equal(actual, expected(tensor), err_msg=f"{kernels}, operator {source}")
        assert net.guard_intact
        assert layout.parse_image(compiled.image).arena_bytes == compiled.plan.total_bytes
