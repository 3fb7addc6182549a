"""The arena over the operators of a network as one SVG file: which tensors share which bytes. No script, no font file.

Time goes to the right, an operator a column, in the order in which they run; the arena's bytes go up. What was freed
is taken again by what lies to the right at the same height.
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_stm32pose.network.compile import CompiledNetwork
from pytest_stm32pose.network.memory import Block
from pytest_stm32pose.report import plots
from pytest_stm32pose.report.markup import Html, tag

WIDTH, HEIGHT = 1200, 640
_LEFT, _TOP, _RIGHT, _BOTTOM = 84, 66, 1180, 560
#: Room that a label needs: height of a line, and of a letter.
_LINE, _LETTER = 13, 6.4
_TICKS = 8
#: Okabe and Ito's colours, which stay apart for everyone: class, fill, what it is.
_KINDS = (
    ("tensor", "#9fd0ee", "a tensor"),
    ("reused", "#f3cf7a", "tensors in place of each other"),
    ("window", "#8fd6bf", "some rows of a streamed tensor"),
    ("output", "#eba57c", "an output, kept for the host"),
    ("scratch", "#c9ced4", "scratch of an operator"),
)
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#1c2630}.small{font-size:11px;fill:#53606c}"
    ".title{font-size:16px;font-weight:650}"
    ".block{stroke:#35424e;stroke-width:.8}.grid{stroke:#c4ccd4;stroke-width:1;stroke-dasharray:3 3}"
    ".peak{stroke:#b3261e;stroke-width:1.5}.end{stroke:#35424e;stroke-width:1}"
    + "".join(f".{css}{{fill:{fill}}}" for css, fill, _ in _KINDS)
)


def arena_svg(network: CompiledNetwork) -> str:
    """The picture of a compiled network's arena."""
    total = max(network.description.activation_bytes, 1)
    steps = max((block.last for block in network.blocks), default=0) + 1
    across, up = (_RIGHT - _LEFT) / steps, (_BOTTOM - _TOP) / total
    name = network.description.name
    title = f"Arena of {name}: {total:,} bytes, {len(network.report)} operators, plan {network.plan_name}"
    return str(
        tag(
            "svg",
            tag("title", title),
            tag(
                "desc", "Each block is a tensor or scratch: from the operator that makes it to the last that needs it."
            ),
            tag("style", Html(_STYLE)),
            tag("rect", width=WIDTH, height=HEIGHT, fill="#fff"),
            plots.text(_LEFT, 24, title, "title"),
            *_legend(),
            *_grid(total, up),
            *(_block(network, block, across, up) for block in network.blocks),
            *_operators(network, across),
            xmlns="http://www.w3.org/2000/svg",
            viewBox=f"0 0 {WIDTH} {HEIGHT}",
            width=WIDTH,
            height=HEIGHT,
            role="img",
        )
    )


def _legend() -> Iterator[Html]:
    x = float(_LEFT)
    for css, _, words in _KINDS:
        yield plots.rect(x, 38, 12, 12, f"block {css}")
        yield plots.text(x + 17, 48, words, "small")
        x += 17 + len(words) * _LETTER + 22


def _grid(total: int, up: float) -> Iterator[Html]:
    """Lines at round numbers of KiB, and the arena's end."""
    step = 1 << max(10, (total // _TICKS).bit_length())
    for offset in range(0, total, step):
        y = _BOTTOM - offset * up
        yield plots.rule(_LEFT, y, _RIGHT, y, "grid" if offset else "end")
        yield plots.text(_LEFT - 8, y + 4, f"{offset >> 10} KiB", "small", "end")
    yield plots.rule(_LEFT, _TOP, _RIGHT, _TOP, "end")


def _kind(network: CompiledNetwork, block: Block) -> str:
    if not block.tensors:
        return "scratch"
    if any(tensor in network.program.outputs for tensor in block.tensors):
        return "output"
    return "window" if block.is_window else "reused" if len(block.tensors) > 1 else "tensor"


def _block(network: CompiledNetwork, block: Block, across: float, up: float) -> Html:
    tensors = [network.program.tensors[index] for index in block.tensors]
    shapes = ["x".join(map(str, tensor.shape[1:] or tensor.shape)) for tensor in tensors]
    x, width = _LEFT + block.first * across, (block.last - block.first + 1) * across
    y, height = _BOTTOM - (block.offset + block.size) * up, block.size * up
    what = " = ".join(f"{tensor.name} {shape}" for tensor, shape in zip(tensors, shapes, strict=True)) or "scratch"
    said = f"{what}: {block.size:,} bytes at {block.offset:,}, steps {block.first} to {block.last}"
    parts = [plots.rect(x, y, width, height, f"block {_kind(network, block)}", said)]
    label = shapes[0] if shapes else ""
    if height >= _LINE and width >= len(label) * _LETTER + 6:
        parts.append(plots.text(x + width / 2, y + height / 2 + 4, label, "small", "middle"))
    return tag("g", *parts)


def _operators(network: CompiledNetwork, across: float) -> Iterator[Html]:
    """Numbers of operators in the .tflite, as many as there is room for, and the peak."""
    peak = max(range(len(network.report)), key=lambda step: network.report[step].arena_bytes)
    every = max(1, round(34 / across))
    for step in range(0, len(network.report), every):
        yield plots.text(_LEFT + (step + 0.5) * across, _BOTTOM + 18, network.report[step].index, "small", "middle")
    x = _LEFT + (peak + 0.5) * across
    row = network.report[peak]
    yield plots.rule(x, _TOP - 6, x, _BOTTOM + 28, "peak")
    anchor = "start" if peak * 2 < len(network.report) else "end"
    words = f"peak: operator {row.index} {row.name}, {row.arena_bytes:,} bytes alive"
    yield plots.text(x, _BOTTOM + 44, words, anchor=anchor)
    yield plots.text(
        (_LEFT + _RIGHT) / 2, _BOTTOM + 70, "operators by their number in the .tflite, as they run", "small", "middle"
    )
