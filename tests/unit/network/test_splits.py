"""Which convolutions of a split become one, and which stay. Their bits: tests/firmware/test_wide_networks.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pytest_stm32pose.network.compile import compile_bytes
from pytest_stm32pose.network.graph import Graph
from pytest_stm32pose.network.reader import parse_model
from pytest_stm32pose.network.splits import join_convolutions
from tests.firmware.wide_network import Network, split_convolutions

PARTS = 5


def joined(change: Callable[[Network], None] | None = None, *outputs: int, **options: Any) -> Graph:
    network = split_convolutions(PARTS, change=change, **options)
    return join_convolutions(parse_model(network.model(*outputs), "net"))


def test_one_operator_with_all_weights() -> None:
    network = split_convolutions(PARTS, multiplier=2, stride=2)
    graph = parse_model(network.model(), "net")
    after = join_convolutions(graph)
    assert [op.name for op in after.ops] == ["QUANTIZE", "CONV_2D", "DEPTHWISE_CONV_2D", "DEQUANTIZE"]
    op = after.ops[2]
    assert (op.index, op.outputs) == (network.join, graph.ops[network.join].outputs)
    assert op.inputs[0] == network.ops[network.split].inputs[1]
    assert [each.index for each in op.absorbed] == list(range(network.split, network.join + 1))
    weights, bias = (after.tensors[t] for t in op.inputs[1:])
    assert weights.shape == (1, 3, 3, PARTS * 2)
    assert weights.data is not None
    assert bias.data is not None
    for i, number in enumerate(network.convolutions):
        part, part_bias = (network.tensors[t] for t in network.ops[number].inputs[1:])
        for k in range(2):
            np.testing.assert_array_equal(weights.data[0, :, :, 2 * i + k], np.asarray(part.data)[k, :, :, 0])
        np.testing.assert_array_equal(bias.data[2 * i : 2 * i + 2], np.asarray(part_bias.data))
        np.testing.assert_array_equal(weights.quantization.scale[2 * i : 2 * i + 2], np.array(part.scale, np.float32))
    assert (op.options["depth_multiplier"], op.options["stride_h"], op.options["stride_w"]) == (2, 2, 2)


def test_the_published_figure_is_that_of_the_parts() -> None:
    model = split_convolutions(PARTS).model()
    small, plain = (compile_bytes(model, "net", plan=plan) for plan in ("small", "plain"))
    assert small.description.macc == plain.description.macc
    assert small.transformations[0] == f"{PARTS} convolutions of a split as one"
    [row] = [row for row in small.report if row.name == "DEPTHWISE_CONV_2D"]
    assert f"SPLIT 1, CONV_2D {PARTS}" in row.note
    assert not set(small.tensors) & {t for t in range(len(plain.graph.tensors)) if t not in plain.tensors}


def first(network: Network) -> int:
    return network.convolutions[0]


def swapped(network: Network) -> None:
    join = network.ops[network.join]
    network.ops[network.join] = replace(join, inputs=(join.inputs[1], join.inputs[0], *join.inputs[2:]))


def another_option(network: Network) -> None:
    op = network.ops[first(network)]
    network.ops[first(network)] = replace(op, options={**dict(op.options or {}), "fused_activation_function": 1})


def another_window(network: Network) -> None:
    weights = network.ops[first(network)].inputs[1]
    network.tensors[weights] = replace(
        network.tensors[weights], shape=(1, 1, 1, 1), data=np.ones((1, 1, 1, 1), np.int8)
    )


def a_zero_point(network: Network) -> None:
    weights = network.ops[first(network)].inputs[1]
    network.tensors[weights] = replace(network.tensors[weights], zero_point=(3,))


def scaled(which: str) -> Callable[[Network], None]:
    def change(network: Network) -> None:
        op = network.ops[first(network)]
        tensor = op.inputs[0] if which == "part" else op.outputs[0]
        network.tensors[tensor] = replace(network.tensors[tensor], scale=(0.123,))

    return change


def computed_bias(network: Network) -> None:
    bias = network.ops[first(network)].inputs[2]
    network.tensors.append(replace(network.tensors[-1], name="last"))
    network.tensors[bias] = replace(network.tensors[bias], data=None)
    network.ops.insert(0, replace(network.ops[-1], inputs=(0,), outputs=(bias,)))
    network.ops[-1] = replace(network.ops[-1], outputs=(len(network.tensors) - 1,))


def rows_instead(network: Network) -> None:
    axis = network.ops[network.split].inputs[0]
    network.ops[network.join] = replace(network.ops[network.join], options={"axis": 2})
    network.tensors[axis] = replace(network.tensors[axis], data=np.array(2, np.int32))


def read_again(network: Network) -> None:
    """A part goes to a second reader too."""
    part = network.ops[first(network)].inputs[0]
    network.tensors.append(replace(network.tensors[-1], name="more", shape=network.tensors[part].shape))
    network.tensors.append(replace(network.tensors[-2], name="last"))
    network.ops.append(replace(network.ops[-1], inputs=(part,), outputs=(len(network.tensors) - 2,)))
    network.ops.append(
        replace(network.ops[-1], inputs=network.ops[network.join].outputs, outputs=(len(network.tensors) - 1,))
    )


LEFT: dict[str, Callable[[Network], None]] = {
    "another order": swapped,
    "another activation": another_option,
    "another window": another_window,
    "a zero point of the weights": a_zero_point,
    "a part of another scale": scaled("part"),
    "a result of another scale": scaled("result"),
    "a bias that is computed": computed_bias,
    "joined along columns": rows_instead,
    "a part that something else reads": read_again,
}


@pytest.mark.parametrize("case", LEFT)
def test_left_alone(case: str) -> None:
    assert "DEPTHWISE_CONV_2D" not in {op.name for op in joined(LEFT[case]).ops}
    assert "DEPTHWISE_CONV_2D" in {op.name for op in joined().ops}


@pytest.mark.parametrize("which", ["part", "result"])
def test_what_is_an_output_stays(which: str) -> None:
    op = split_convolutions(PARTS).ops[first(split_convolutions(PARTS))]
    graph = joined(None, op.inputs[0] if which == "part" else op.outputs[0])
    assert "DEPTHWISE_CONV_2D" not in {op.name for op in graph.ops}
