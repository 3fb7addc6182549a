"""Flashes the network of another file, which differs from the one that was asked for in its weights only."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from pytest_stm32pose.bench.own import OwnFirmware
from pytest_stm32pose.models.zoo import resolve_model
from pytest_stm32pose.network.compile import CompiledNetwork, compile_model

load = OwnFirmware.load


def constants(network: CompiledNetwork) -> list[np.ndarray]:
    return [tensor.data for tensor in network.graph.tensors if tensor.data is not None]


def load_other(self: OwnFirmware, network: CompiledNetwork) -> None:
    assert network.plan_name is not None
    content = resolve_model("").read_bytes()
    weights = max((data.tobytes() for data in constants(network)), key=len)
    assert content.count(weights) == 1
    content = content.replace(weights, weights[::-1])
    with TemporaryDirectory() as folder:
        file = Path(folder) / resolve_model("").name
        file.write_bytes(content)
        other = compile_model(file, plan=network.plan_name)
    load(self, replace(network, image=other.image))
    self.state.loaded = network


OwnFirmware.load = load_other  # type: ignore[method-assign]
