"""The picture of the arena: well-formed, one block for each of the plan, to scale, and no name becomes markup."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from pytest_stm32pose.models.zoo import default_model
from pytest_stm32pose.network.compile import CompiledNetwork, compile_model
from pytest_stm32pose.report.arena import arena_svg

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def network() -> CompiledNetwork:
    return compile_model(default_model())


def blocks(drawing: str) -> list[ET.Element]:
    return [rect for group in ET.fromstring(drawing).iter(f"{SVG}g") for rect in group.iter(f"{SVG}rect")]


def test_every_block_is_drawn_to_scale(network: CompiledNetwork) -> None:
    drawn = blocks(arena_svg(network))
    assert len(drawn) == len(network.blocks) > 40
    scales = {
        round(float(rect.get("height", "")) / block.size, 3)
        for rect, block in zip(drawn, network.blocks, strict=True)
        if block.size > 4096
    }
    assert len(scales) == 1
    words = [rect.findtext(f"{SVG}title") or "" for rect in drawn]
    kinds = {(rect.get("class") or "").split()[-1] for rect in drawn}
    assert kinds == {"tensor", "reused", "window", "output", "scratch"}
    assert any(said.startswith("scratch: ") for said in words)
    assert all("bytes at" in said for said in words)


def test_a_name_is_text(network: CompiledNetwork) -> None:
    bad = '"/><script>alert(1)</script>'
    tensors = tuple(replace(tensor, name=bad) for tensor in network.program.tensors)
    named = replace(
        network, program=replace(network.program, tensors=tensors), description=replace(network.description, name=bad)
    )
    drawing = arena_svg(named)
    assert "<script" not in drawing
    assert bad in (ET.fromstring(drawing).findtext(f"{SVG}title") or "")
