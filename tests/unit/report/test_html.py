"""The summary of a record: verdict first, every budget, missing parts, hostile text, names for screen readers."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from pytest_stm32pose.judge.budget import BUDGET_NAMES
from pytest_stm32pose.record.json_schema import first_error
from pytest_stm32pose.record.read import record_schema
from pytest_stm32pose.report.accuracy import image_table, tensor_table
from pytest_stm32pose.report.html import styles, summary_html
from pytest_stm32pose.report.latency import latency_table
from tests.support import report_sample as sample
from tests.support.html_tokens import HOSTILE, Tokens
from tests.support.records import model_of, read, run_of

ELEMENTS = {
    "section",
    "div",
    "h2",
    "h3",
    "h4",
    "p",
    "span",
    "ul",
    "li",
    "dl",
    "dt",
    "dd",
    "code",
    "wbr",
    "small",
    "table",
    "caption",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "details",
    "summary",
    "strong",
    *("nav", "a", "label", "input", "figure", "figcaption"),
    *("svg", "title", "desc", "text", "rect", "line", "path", "circle"),
}
#: Of pictures: places, sizes and shapes, all of them numbers or words of ours.
SVG_ATTRIBUTES = {
    *("viewbox", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "d"),
    *("width", "height", "text-anchor", "aria-hidden"),
}
#: Keys of the record whose values are few words of ours; others are refused when it is read.
WORDS_OF_OURS = ("schema", "verdict", "kind", "outcome", "metric")
#: Attributes whose values are ours.
FIXED = ("id", "href", "type", "autocomplete", "open")


def cells(markup: str) -> list[list[str]]:
    """The text of every table row."""
    rows: list[list[str]] = []

    class Reader(Tokens):
        inside = False

        def handle_starttag(self, name: str, attrs: list[tuple[str, str | None]]) -> None:
            super().handle_starttag(name, attrs)
            if name == "tr":
                rows.append([])
            if name in ("td", "th"):
                rows[-1].append("")
                self.inside = True

        def handle_endtag(self, name: str) -> None:
            self.inside = self.inside and name not in ("td", "th")

        def handle_data(self, data: str) -> None:
            super().handle_data(data)
            if self.inside:
                rows[-1][-1] += data

    Reader(markup)
    return rows


def test_the_sample_is_a_valid_record() -> None:
    assert first_error(sample.record(), record_schema()) is None


@pytest.mark.parametrize(("verdict", "words"), [("passed", "Passed"), ("failed", "Failed"), ("blocked", "Blocked")])
def test_verdict_comes_first_with_its_reasons(verdict: str, words: str) -> None:
    text = Tokens(summary_html(run_of({**sample.record(), "verdict": verdict}))).text
    assert text.startswith("Pose validation: ")
    assert words in text[:40]
    for reason in sample.record()["reasons"]:
        assert text.index(reason) < text.index("Networks")


def test_every_budget_is_there_with_measured_limit_and_result() -> None:
    rows = {row[0]: row[1:] for row in cells(summary_html(run_of(sample.record())))}
    for budget in sample.BUDGETS:
        result, measured, limit, unit = rows[budget.name]
        assert ("pass" in result, "fail" in result) == (budget.passed, not budget.passed)
        assert float(measured.replace(",", "")) == budget.measured
        assert float(limit[2:].replace(",", "")) == budget.limit
        assert limit[0] == ("\u2265" if budget.name.endswith("_min") else "\u2264")
        assert unit == budget.unit
    assert set(BUDGET_NAMES) <= rows.keys()


def test_missed_budgets_are_listed_first_and_counted() -> None:
    names = [
        row[0] for row in cells(summary_html(run_of(sample.record()))) if row[0] in {b.name for b in sample.BUDGETS}
    ]
    assert names[:2] == ["oks_vs_truth_min", "tensor_lsb_max"]
    assert "10 of 12 met" in Tokens(summary_html(run_of(sample.record()))).text


def test_identity_of_board_firmware_and_network() -> None:
    text = Tokens(summary_html(run_of(sample.record()))).text
    for words in (
        "Board qemu-m55",
        "MPS3-AN547",
        "Cortex-M55",
        "virtual",
        "25 MHz",
        "qemu-m55-0001",
        "0.1.0, runtime",
        "dsp",
        "cdcdcdcdcdcd",
        "96.0 KiB",
        "254.0 KiB written and verified in 400.0 ms",
        "64 \N{MULTIPLICATION SIGN} 64",
        "LiteRT 2.3.0 BUILTIN_REF",
        "abababababab",
        "7,654,321",
        "0.7975 (n=4, 95 %: 0.7812 to 0.8125)",
    ):
        assert words in text, words


def test_a_firmware_that_is_not_ours_is_named_with_its_limits() -> None:
    record = copy.deepcopy(sample.record())
    words = {"protocol": "ST validation 3.1", "name": "network_1", "signature": "0x5a", "runtime": "ATONN 1.0"}
    words["limits"] = "No checksum <b>"
    untold = {"compiled": "", "tool_version": "2.0.0", "activation_bytes": 0, "weights_bytes": 0}
    record["models"][0]["device_model"] = {**words, **untold, "macc": 4_242_424, "nodes": 77}
    record["boards"][0]["flash"] = {"bytes_written": 0, "skipped": False, "seconds": 0.0}
    assert first_error(record, record_schema()) is None
    text = Tokens(summary_html(run_of(record))).text
    for each in (*words.values(), "4,242,424", "77", "nothing was programmed"):
        assert each in text, each


def test_flash_that_was_skipped_says_so() -> None:
    record = sample.record()
    record["boards"][0]["flash"] = {"bytes_written": 0, "skipped": True, "seconds": 0.05}
    assert "already on the target, 0 bytes written in 50.0 ms" in Tokens(summary_html(run_of(record))).text


def test_latency_has_milliseconds_only_for_silicon() -> None:
    emulated, silicon = (cells(latency_table(model_of(model)) or "") for model in sample.record()["models"])
    assert emulated[0] == ["Percentile", "instructions"]
    assert [row[0] for row in emulated[1:]] == ["p50 (median)", "p95", "p99", "maximum"]
    assert silicon[0] == ["Percentile", "cycles", "ms"]
    latency = sample.record()["models"][1]["latency"]
    for row, key in zip(silicon[1:], ("p50", "p95", "p99", "max"), strict=True):
        assert row[1] == f"{latency[key]:,}"
        assert float(row[2]) == pytest.approx(latency[key] / sample.CLOCK_HZ * 1000, abs=5e-4)
    assert "source icount, clock 25 MHz" in Tokens(latency_table(model_of(sample.record()["models"][0])) or "").text


def test_pictures_table_has_one_row_per_picture() -> None:
    rows = cells(image_table(model_of(sample.record()["models"][0])) or "")[1:]
    assert [row[0] for row in rows] == [f"picture-{number:03}.png" for number in range(4)]
    assert rows[1] == [
        "picture-001.png",
        "0.9300",
        "0.8025",
        "8.5",
        "110.0",
        "17",
        "3",
        "8,123,457",
        "12.3 ms",
        "1.50 s",
    ]


def test_exact_tensors_are_one_sentence_and_different_ones_a_table() -> None:
    different, exact = sample.record()["models"]
    text = Tokens(tensor_table(model_of(exact)) or "").text
    assert "2 output tensors, 62,464 elements compared with the golden, none differs" in text
    assert cells(tensor_table(model_of(different)) or "")[1:] == [
        ["StatefulPartitionedCall:0", "13,312", "17", "0.128 %", "3"]
    ]


def test_a_tensor_that_differs_without_an_lsb_is_not_called_exact() -> None:
    model = sample.record()["models"][1]
    model["images"][0]["tensors"] = [{"name": "float", "elements": 10, "differing": 2, "max_lsb": None}]
    rows = cells(tensor_table(model_of(model)) or "")
    assert ["float", "10", "2", "20 %", "\N{EN DASH}"] in rows


def test_long_runs_show_the_worst_pictures_and_say_so() -> None:
    model = sample.record(pictures=12)["models"][0]
    rows = cells(image_table(model_of(model), max_rows=5) or "")
    assert [row[0] for row in rows[1:]] == [f"picture-{number:03}.png" for number in (1, 11, 10, 9, 8)]
    assert "The worst 5 of 12 pictures." in Tokens(image_table(model_of(model), max_rows=5) or "").text


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield from _places(each, (*path, key))


def _parent(record: dict[str, Any], path: tuple[Any, ...]) -> Any:
    parent: Any = record
    for key in path[:-1]:
        parent = parent[key]
    return parent


def test_what_is_null_or_missing_is_refused_or_shown() -> None:
    """Every single place of a small record in turn: a thinner record is refused when it is read, or shown."""
    accepted = 0
    small = sample.record(pictures=1)
    small["models"] = small["models"][:1]
    small["boards"] = small["boards"][:1]
    text = json.dumps(small)
    for path in _places(small):
        if "keypoints" in str(path) and len(path) > 5:
            continue  # coordinates are the overlays' business
        if "counts" in path and len(path) - path.index("counts") == 3 and path[-1]:
            continue  # one cell of each row of the map
        for change in ("null", "missing"):
            record = json.loads(text)
            parent = _parent(record, path)
            if change == "null":
                parent[path[-1]] = None
            elif isinstance(parent, dict):
                del parent[path[-1]]
            try:
                found = read(record)
                accepted += found is not None
                assert found is None or summary_html(found)
            except Exception as error:
                raise AssertionError(f"{path} {change}: {error!r}") from error
    assert accepted > 50
    assert "nothing was measured" in summary_html(run_of({"models": []}))


def test_hostile_text_anywhere_stays_text() -> None:
    """All strings of a record replaced at once, once per hostile text."""
    for text in HOSTILE:
        record = sample.record(pictures=2)
        for path in list(_places(record)):
            if isinstance(_parent(record, path)[path[-1]], str) and path[-1] not in WORDS_OF_OURS:
                _parent(record, path)[path[-1]] = text
        markup = summary_html(run_of(record))
        markup.encode("utf-8")
        found = Tokens(markup)
        assert {name for name, _ in found.elements} <= ELEMENTS
        attributes = {key for _, each in found.elements for key in each}
        assert attributes - SVG_ATTRIBUTES <= {"class", "aria-label", "title", "scope", "role", "tabindex", *FIXED}
        for name, each in found.elements:
            assert (each.get("id", "pose-") or "").startswith("pose-")
            assert (each.get("href", "#pose-") or "").startswith("#pose-"), name


def test_structure_for_screen_readers() -> None:
    found = Tokens(summary_html(run_of(sample.record())))
    headings = [int(name[1]) for name, _ in found.elements if name in ("h2", "h3", "h4")]
    assert headings[0] == 2
    assert all(deeper - above <= 1 for above, deeper in pairwise(headings))
    names = [name for name, _ in found.elements]
    assert names.count("table") == names.count("caption") > 5
    for name, attributes in found.elements:
        if name == "th":
            assert attributes["scope"] in ("row", "col")
        if attributes.get("role") == "group":
            assert attributes["aria-label"]
            assert attributes["tabindex"] == "0"
    ids = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    links = [attributes["href"] for name, attributes in found.elements if name == "a"]
    assert len(ids) == 7
    assert [f"#{each}" for each in ids] == links
    assert names.count("tr") > 20


def test_styles_are_scoped_by_class_prefix() -> None:
    css = styles()
    assert css.startswith("<style>")
    assert css.count("<") == 2, "nothing may end the style element early"
    body = css[len("<style>") : -len("</style>")]
    for line in body.split("}"):
        selector = line.rpartition("*/")[2].rpartition("{")[0].strip()
        for part in selector.split("{")[-1].split(","):
            if part.strip():
                assert ".pose-" in part or part.strip().startswith("@media"), part
    assert "prefers-color-scheme: dark" in css
    assert 'name="viewport"' in styles(page=True)
    assert "#results-table" in styles(page=True)
    assert "#results-table" not in css
