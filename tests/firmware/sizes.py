"""`python -m tests.firmware.sizes` builds every board with every kernel set and backend, and prints their sizes.

With --update the table goes into docs/firmware-sizes.md, which test_images.py compares with the images it builds.
"""

from __future__ import annotations

import argparse
import os
import re
from dataclasses import dataclass
from pathlib import Path

from pytest_stm32pose.boards.catalog import boards
from pytest_stm32pose.firmware import build
from tests.firmware.image_facts import ImageFacts, read_facts
from tests.firmware.vendor_network import generated

TABLE = build.CHECKOUT_DIR / "docs" / "firmware-sizes.md"
UPDATE = ".venv/bin/python -m tests.firmware.sizes --update"
#: Compilers differ by some percent; a change of the sources that costs more must be meant.
GROWTH_ALLOWED = 0.05
#: API of the stand-in for each backend that links a generated network in; boards that have ST's accelerator.
_GENERATED = {"stedgeai": "stai", "aton": "aton"}
_NPU = "stm32n6/"
_HEAD = "| board | kernels | backend | flash | data | stack |\n|---|---|---|---:|---:|---:|\n"
_ROW = re.compile(r"^\| `([\w/]+)` \| (\w+) \| (\w+) \| (\d+) \| (\d+) \| (\d+) \|$", re.MULTILINE)


@dataclass(frozen=True, order=True)
class Variant:
    """One image: folder under firmware/boards, kernel set, backend."""

    folder: str
    kernels: str
    backend: str = "runtime"

    def __str__(self) -> str:
        return f"{self.folder} {self.kernels} {self.backend}"

    def build(self) -> Path:
        """With the stand-in network of tests/firmware/vendor where the backend links one in."""
        network = generated(_GENERATED[self.backend]) if self.backend in _GENERATED else None
        return build.build_firmware(self.folder, self.kernels, self.backend, network=network)


@dataclass(frozen=True)
class Sizes:
    """Bytes: code, constants and initial values; static data; stack."""

    flash: int
    data: int
    stack: int

    @classmethod
    def of(cls, facts: ImageFacts) -> Sizes:
        return cls(facts.symbols["__flash_bytes"], facts.symbols["__ram_bytes"], facts.stack.end - facts.stack.start)


def all_variants() -> list[Variant]:
    """Every board with every kernel set its core runs, and hardware boards with the vendor's backends."""
    found = []
    for folder in build.board_folders():
        found += [Variant(folder, kernels) for kernels in build.board_kernel_sets(folder)]
        if not folder.startswith("qemu/"):
            found.append(Variant(folder, "ref", "stedgeai"))
        if folder.startswith(_NPU):
            found.append(Variant(folder, "ref", "aton"))
    return found


def variants_under_test() -> list[Variant]:
    """All where POSE_ALL_IMAGES is set (make firmware). Else the emulated boards, which other tests build too, and
    hardware boards with the catalog's kernel set: a build takes seconds.
    """
    if os.environ.get("POSE_ALL_IMAGES"):
        return all_variants()
    default = {(spec.firmware, spec.kernels) for spec in boards().values()}
    runtime = [variant for variant in all_variants() if variant.backend == "runtime"]
    return [each for each in runtime if each.folder.startswith("qemu/") or (each.folder, each.kernels) in default]


def read_table(text: str) -> dict[Variant, Sizes]:
    return {Variant(*row[:3]): Sizes(*map(int, row[3:])) for row in _ROW.findall(text)}


def render_table(sizes: dict[Variant, Sizes]) -> str:
    """Markdown, in bytes."""
    rows = (
        f"| `{v.folder}` | {v.kernels} | {v.backend} | {s.flash} | {s.data} | {s.stack} |\n"
        for v, s in sorted(sizes.items())
    )
    return _HEAD + "".join(rows)


def growth(variant: Variant, built: Sizes, table: dict[Variant, Sizes]) -> str:
    """Why the table does not describe the image, one sentence with the remedy; "" when it does."""
    if variant not in table:
        return f"{TABLE.name} has no row for {variant}. Add it: {UPDATE}"
    for name in ("flash", "data", "stack"):
        was, is_now = getattr(table[variant], name), getattr(built, name)
        if is_now > was * (1 + GROWTH_ALLOWED):
            return f"{variant}: {name} grew from {was} to {is_now} bytes. If that is meant: {UPDATE}"
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--update", action="store_true", help=f"write the table into docs/{TABLE.name}")
    arguments = parser.parse_args()
    sizes = {}
    for variant in all_variants():
        print(f"building {variant}", flush=True)
        sizes[variant] = Sizes.of(read_facts(variant.build()))
    table = render_table(sizes)
    print(f"\n{table}")
    if arguments.update:
        text = TABLE.read_text(encoding="utf-8")
        TABLE.write_text(text[: text.index(_HEAD[:20])] + table, encoding="utf-8")
    elif complaints := [said for v, s in sizes.items() if (said := growth(v, s, read_table(TABLE.read_text("utf-8"))))]:
        raise SystemExit("\n".join(complaints))


if __name__ == "__main__":
    main()
