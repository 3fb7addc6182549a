"""`python -m tests.firmware.layouts --update` writes the tables of docs/layout.md from images, networks, catalog.

test_layouts.py compares them: what the linker and the compiler decide (sizes of the firmware, and what they leave free)
may differ by compiler, everything else is exact.
"""

from __future__ import annotations

import argparse
import re
from functools import cache
from pathlib import Path

from pytest_stm32pose.boards.catalog import board_spec
from pytest_stm32pose.firmware import build
from pytest_stm32pose.firmware.layout import read_layout
from pytest_stm32pose.models.zoo import default_model, zoo_row
from pytest_stm32pose.network.compile import CompiledNetwork, compile_model
from pytest_stm32pose.report.arena import arena_svg
from pytest_stm32pose.run.layout import FIRMWARE, FREE, Layout, board_layout, markdown
from tests.support.shared_data import shared_dir

DOCUMENT = build.CHECKOUT_DIR / "docs" / "layout.md"
PICTURE = build.CHECKOUT_DIR / "docs" / "images" / "arena.svg"
UPDATE = ".venv/bin/python -m tests.firmware.layouts --update"
DEFAULT = "stick_pose_96_int8"
#: Network (the default one, or a row of the zoo), and the boards that it is shown on.
SHOWN = {
    DEFAULT: ("f405",),
    "st_movenet_lightning_heatmaps_192": ("n6", "h7", "h747"),
    "yolov8n_pose_256_pc": ("n6", "h7", "h747"),
}
_ROW = re.compile(r"^\| (\S+) \| (\w+) \| (0x[0-9a-f]{8}) \| ([\d,]+) \| (.+) \|$", re.MULTILINE)


def shown() -> list[tuple[str, str]]:
    """(network, board) of every table."""
    return [(network, board) for network, boards in SHOWN.items() for board in boards]


def model_file(network: str) -> Path | None:
    """None where the network is not at hand."""
    if network == DEFAULT:
        return default_model()
    shared = shared_dir()
    path = shared / "models" / zoo_row(network).file if shared else None
    return path if path is not None and path.is_file() else None


@cache
def compiled(network: str) -> CompiledNetwork:
    path = model_file(network)
    assert path is not None, f"{network} is not here"
    return compile_model(path)


def layout_of(network: str, board: str) -> Layout:
    spec = board_spec(board)
    image = build.build_firmware(spec.firmware, spec.kernels)
    return board_layout(spec, read_layout(image), compiled(network))


def steady_rows(table: str, layout: Layout) -> list[tuple[str, ...]]:
    """Rows of a table of Markdown, without the places and sizes that a compiler decides: only that they are there."""
    by_compiler = {row.what for memory in layout.memories for row in memory.rows if row.part in (FIRMWARE, FREE)}
    return [
        (name, kind, what) if what in by_compiler else (name, kind, what, address, size)
        for name, kind, address, size, what in _ROW.findall(table)
    ]


def _begin(network: str, board: str) -> str:
    return f"<!-- layout {network} {board} -->\n"


def table_in(text: str, network: str, board: str) -> str:
    """The table of the document; "" when it has none."""
    _, _, rest = text.partition(_begin(network, board))
    return rest.partition("<!-- end -->")[0]


def updated(text: str) -> str:
    """The document with every table made anew, as far as its network is here."""
    for network, board in shown():
        start = _begin(network, board)
        assert start in text, f"{DOCUMENT.name} lacks the line {start.strip()}"
        if model_file(network) is None:
            print(f"{network} is not here: its table stays")
            continue
        old = table_in(text, network, board)
        text = text.replace(f"{start}{old}", f"{start}{markdown(layout_of(network, board))}")
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--update", action="store_true", help=f"write the tables into docs/{DOCUMENT.name}")
    if parser.parse_args().update:
        DOCUMENT.write_text(updated(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
        PICTURE.write_text(arena_svg(compiled(DEFAULT)), encoding="utf-8")
    else:
        print("\n".join(markdown(layout_of(*each)) for each in shown() if model_file(each[0])))


if __name__ == "__main__":
    main()
