"""A network that was kept from an earlier run is the one that would be compiled, to the byte, or is compiled anew."""

from __future__ import annotations

import dataclasses
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pytest_stm32pose.cache import Store
from pytest_stm32pose.families import NO_FAMILY, Meaning
from pytest_stm32pose.models.zoo import default_model, find_model
from pytest_stm32pose.network import compile as compiler
from pytest_stm32pose.network import product
from pytest_stm32pose.network.compile import PLANS, CompiledNetwork, compile_graph
from pytest_stm32pose.network.graph import Graph
from pytest_stm32pose.network.product import Product, ProductStore
from pytest_stm32pose.network.reader import read_model
from pytest_stm32pose.run.inputs import RunInputs
from pytest_stm32pose.settings import Settings
from tests.unit.test_imports import NAME, PACKAGE, imported, module_of

LARGE = "st_movenet_lightning_heatmaps_192"
#: Modules that keep and read, and do not compile.
KEEPING = ("cache", "files")


@pytest.fixture(scope="module")
def graph() -> Graph:
    return read_model(default_model())


@pytest.fixture
def kept(tmp_path: Path) -> ProductStore:
    return ProductStore(Store(tmp_path))


def never() -> Product:
    raise AssertionError("it is compiled again")


def same(one: CompiledNetwork, other: CompiledNetwork) -> bool:
    """Everything but the graphs, which are read and transformed each time."""
    names = [field.name for field in dataclasses.fields(one) if field.name not in ("graph", "program")]
    return all(getattr(one, name) == getattr(other, name) for name in names)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("name", ["", LARGE])
def test_kept_and_compiled_are_the_same(
    kept: ProductStore, plan: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = find_model(name) if name else default_model()
    if path is None:
        pytest.skip(f"{name} is not here")
    graph = read_model(path)
    fresh = compile_graph(graph, plan=plan)
    assert same(compile_graph(graph, plan=plan, kept=kept), fresh)
    monkeypatch.setattr(compiler, "_make", lambda *_: never())
    again = compile_graph(graph, plan=plan, kept=kept)
    assert same(again, fresh)
    assert again.report_lines() == fresh.report_lines()
    assert [type(each) for each in again.blocks] == [type(each) for each in fresh.blocks]


def test_what_decides_the_bytes_is_in_the_key(
    graph: Graph, kept: ProductStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def counted(*arguments: Any) -> Product:
        made.append("made")
        return make(*arguments)

    make = compiler._make
    monkeypatch.setattr(compiler, "_make", counted)
    compilations: list[Callable[[], CompiledNetwork]] = [
        partial(compile_graph, graph, kept=kept),
        partial(compile_graph, graph, plan="plain", kept=kept),
        partial(compile_graph, graph, meaning=Meaning(NO_FAMILY, 0), kept=kept),
        partial(compile_graph, replace(graph, name="other"), kept=kept),
    ]
    for number, each in enumerate(compilations, 1):
        assert same(each(), each())
        assert len(made) == number
    monkeypatch.setattr(product, "code_digest", lambda *_: "an edited compiler")
    compilations[0]()
    assert len(made) == len(compilations) + 1


def test_passes_of_a_caller_are_not_kept(graph: Graph, kept: ProductStore, tmp_path: Path) -> None:
    compile_graph(graph, passes=(), kept=kept)
    assert not list(tmp_path.iterdir())


def changed(graph: Graph) -> list[Product]:
    """Products that are not of this graph, each by one thing."""
    of = compile_graph(graph)
    good = Product(of.image, of.description.macc, of.plan, of.report, of.transformations, of.tensors, of.blocks)
    other = compile_graph(replace(graph, sha256="0" * 64))
    flipped = bytearray(of.image)
    flipped[len(flipped) // 2] ^= 1
    return [
        replace(good, image=other.image),
        replace(good, image=bytes(flipped)),
        replace(good, image=of.image[:-1]),
        replace(good, image=b""),
        replace(good, macc=good.macc + 1),
        replace(good, report=good.report[:-1]),
        replace(good, plan=replace(good.plan, total_bytes=good.plan.total_bytes + 16)),
        replace(good, tensors=(*good.tensors, len(graph.tensors))),
        replace(good, tensors=(-1,)),
        replace(good, blocks=(replace(good.blocks[0], tensors=(1 << 40,)),)),
        replace(good, report=(replace(good.report[0], macs=-1), *good.report[1:])),
        replace(good, transformations=(1,)),  # type: ignore[arg-type]
    ]


def test_an_entry_of_something_else_is_made_anew(graph: Graph, kept: ProductStore, tmp_path: Path) -> None:
    fresh = compile_graph(graph, kept=kept)
    [path] = tmp_path.glob("*.kept")
    good = path.read_bytes()
    for wrong in changed(graph):
        assert Product.from_bytes(wrong.to_bytes(), graph, fresh.program) is None
        Store(tmp_path).put(path.stem, wrong.to_bytes())
        assert same(compile_graph(graph, kept=kept), fresh)
        assert path.read_bytes() == good, "and kept anew"


@pytest.mark.parametrize("content", [b"", b"\xff" * 8, b"\2\0\0\0{}", b"\4\0\0\0null", b"\3\0\0\0[1]", b"\1\0\0\0["])
def test_what_is_no_entry_is_none(graph: Graph, content: bytes) -> None:
    assert Product.from_bytes(content, graph, graph) is None


def test_every_module_that_compiles_is_in_the_key() -> None:
    """Else an edit of it would leave yesterday's images in use."""
    known = {module_of(path): path for path in PACKAGE.rglob("*.py")}
    open_, seen = ["network.compile"], set()
    while open_:
        module = open_.pop()
        if module in seen or module not in known:
            continue
        seen.add(module)
        open_ += [name.removeprefix(f"{NAME}.") for name, _ in imported(known[module]) if name.startswith(f"{NAME}.")]
    covered = {name.removesuffix(".py") for name in product.SOURCES}
    assert "network.planner" in seen
    assert {module for module in seen if module.split(".")[0] not in covered} <= set(KEEPING)


def _compile_slowly(folder: Path, log: Path) -> bytes:
    """In a process of its own: compiles, and notes that it did."""
    graph = read_model(default_model())
    make = compiler._make

    def slow(*arguments: Any) -> Product:
        with log.open("a", encoding="utf-8") as stream:
            stream.write("made\n")
        time.sleep(1.0)  # long enough for the others to come while it is being made
        return make(*arguments)

    compiler._make = slow  # type: ignore[assignment]
    return compile_graph(graph, kept=ProductStore(Store(folder))).image


def test_of_several_processes_one_compiles(tmp_path: Path, graph: Graph) -> None:
    log = tmp_path / "log"
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        images = pool.starmap(_compile_slowly, [(tmp_path / "kept", log)] * 3)
    assert {compile_graph(graph).image} == set(images)
    assert log.read_text() == "made\n"


def test_a_run_compiles_once_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(boards=("qemu-m55",), cache=str(tmp_path))
    fresh = RunInputs(replace(settings, cache="off"), tmp_path).network("")
    assert not list(tmp_path.iterdir())
    assert same(RunInputs(settings, tmp_path).network(""), fresh)
    monkeypatch.setattr(compiler, "_make", lambda *_: never())
    assert same(RunInputs(settings, tmp_path).network(""), fresh)
    with pytest.raises(AssertionError, match="compiled again"):
        RunInputs(replace(settings, cache="off"), tmp_path).network("")
