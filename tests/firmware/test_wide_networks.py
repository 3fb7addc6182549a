"""Operators of many operands on the host library: LiteRT's bits, and images that are wrong about their place."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pytest_stm32pose.firmware.build import build_host_library
from pytest_stm32pose.network import image as layout
from pytest_stm32pose.network.compile import PLANS, compile_bytes
from tests.firmware.runtime_fuzz import replaced
from tests.firmware.runtime_host import HostNet
from tests.firmware.test_detection_networks import check_bits
from tests.firmware.wide_network import PARTS, Network, split_convolutions, wide_network
from tests.virtual.suite_run import run_suite

OK, IMAGE = 0, -9


def picture(seed: int = 1) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 256, (1, 4, 6, 3), np.uint8)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("parts", [layout.FEW_OPERANDS - 1, layout.FEW_OPERANDS, PARTS, 128, layout.MAX_OPERANDS - 1])
def test_split_and_joined(parts: int, plan: str) -> None:
    """Below, at and above the number that the device resolves without the arena, and the most there may be."""
    model = wide_network(parts)
    check_bits(compile_bytes(model, "wide", plan=plan), model, picture())


SPLIT_CONVOLUTIONS = {
    "two": split_convolutions(2),
    "as YOLO11 has them": split_convolutions(128),
    "stride 2, RELU6": split_convolutions(9, stride=2, activation="RELU6"),
    "two filters each": split_convolutions(6, multiplier=2),
    "5 x 5": split_convolutions(33, kernel=5),
    "depthwise parts": split_convolutions(7, multiplier=3, name="DEPTHWISE_CONV_2D"),
}


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("case", SPLIT_CONVOLUTIONS)
def test_split_convolutions(case: str, plan: str) -> None:
    """One operator under the plan that transforms, each as it stands under the other."""
    network = SPLIT_CONVOLUTIONS[case]
    compiled = compile_bytes(network.model(), "net", plan=plan)
    assert [op.name for op in compiled.program.ops].count("DEPTHWISE_CONV_2D") == (
        1 if plan == "small" else sum(op.name == "DEPTHWISE_CONV_2D" for op in network.ops)
    )
    check_bits(compiled, network.model(), picture())


def other_scale(network: Network) -> None:
    """One convolution with a result of its own scale, requantised before it is joined."""
    op = network.ops[network.convolutions[1]]
    result = network.tensors[op.outputs[0]]
    network.tensors.insert(len(network.tensors) - 2, replace(result, name="own", scale=(0.11,), zero_point=(3,)))
    own = len(network.tensors) - 3
    network.ops[network.join] = replace(network.ops[network.join], outputs=(own + 1,))
    network.ops[-1] = replace(network.ops[-1], inputs=(own + 1,), outputs=(own + 2,))
    network.ops[network.convolutions[1]] = replace(op, outputs=(own,))
    network.ops.insert(network.join, replace(network.ops[0], inputs=(own,), outputs=op.outputs))


def test_a_requantised_part_stays_as_it_is() -> None:
    model = split_convolutions(4, change=other_scale).model()
    for plan in PLANS:
        compiled = compile_bytes(model, "net", plan=plan)
        assert "DEPTHWISE_CONV_2D" not in {op.name for op in compiled.program.ops}
        check_bits(compiled, model, picture())


def test_the_place_of_many_operands_is_checked() -> None:
    """It lies behind the scratch: inside the arena, and apart from what the operator reads and writes."""
    compiled = compile_bytes(wide_network(), "wide", plan="plain")
    image, parsed = compiled.image, layout.parse_image(compiled.image)
    [index] = [i for i, op in enumerate(parsed.ops) if len(op.outputs) == PARTS]
    row = struct.unpack_from("<I", image, 136)[0] + index * layout.OP.size
    room = layout.operand_room(PARTS + 1)
    result = parsed.tensors[parsed.ops[index].outputs[-1]]
    net = HostNet(build_host_library("ref"))
    for place, status in (
        (parsed.arena_bytes - room, None),  # it ends where the arena ends
        (parsed.arena_bytes - room + 16, IMAGE),
        (parsed.arena_bytes, IMAGE),
        (max(result.offset - room + 16, 0), IMAGE),
        (result.offset, IMAGE),
    ):
        opened = net.open(bytes(replaced(image, [(row + 20, 4, place)])))
        assert (opened, net.failed_op) == (IMAGE, parsed.ops[index].source) if status else opened in (OK, IMAGE), place
    longer = replaced(image, [(row + 24, 4, 0xFFFFFFF0)])
    assert (net.open(bytes(longer)), net.failed_op) == (IMAGE, parsed.ops[index].source)
    assert net.open(image) == OK
    assert net.run(picture()).status == OK
    assert net.guard_intact


@pytest.mark.parametrize("plan", PLANS)
def test_on_the_device(plan: str, tmp_path: Path) -> None:
    """Its stack is small: every tensor of operators with 41 and 129 operands, as the host gets them from LiteRT."""
    for name, model in (("wide", wide_network()), ("split", split_convolutions(128).model())):
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(model)
        options = (f"--pose-model={path}", "--pose-family=none", f"--pose-plan={plan}", "--pose-max-images=1")
        done = run_suite(tmp_path, "--board=qemu-m55", *options, "-k", "picture or intermediate")
        assert done.exit_code == 0, done.output
        [entry] = done.record["models"]
        tensors = [tensor for image in entry["images"] for tensor in image["tensors"]]
        assert tensors
        assert all(tensor["differing"] == 0 for tensor in tensors)
