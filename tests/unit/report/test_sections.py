"""Failures, comparison, first divergence, memory and plots: what is shown, what the filter leaves, foreign values."""

from __future__ import annotations

import copy
import re
from dataclasses import asdict
from typing import Any

import jsonschema
import pytest

from pytest_stm32pose.entries.comparison import ComparedEntry
from pytest_stm32pose.record.read import record_schema
from pytest_stm32pose.report import plots
from pytest_stm32pose.report.comparison import comparison_parts
from pytest_stm32pose.report.divergence import divergence_parts, heat_map
from pytest_stm32pose.report.failures import comparison_failed, count_failures, picture_failed
from pytest_stm32pose.report.html import summary_html
from pytest_stm32pose.report.latency import latency_parts
from pytest_stm32pose.report.memory import memory_parts
from pytest_stm32pose.types import MemoryStats
from tests.support import report_sample as sample
from tests.support.html_tokens import Tokens
from tests.support.records import board_of, document_of, model_of, picture_of, run_of, where_of

TITLES = [
    "Board, firmware, networks",
    "Conformance",
    "Accuracy",
    "Latency",
    "Memory",
    "Comparison with the baseline",
    "First divergence",
]


def test_the_sections_come_in_the_order_of_the_question() -> None:
    headings = re.findall(r"<h2>([^<]+)", summary_html(run_of(sample.record())))
    assert headings == ["Pose validation: ", *TITLES]


def test_an_older_record_has_fewer_sections_and_still_renders() -> None:
    record = sample.record()
    for key in ("comparison", "zoo"):
        del record[key]
    for model in record["models"]:
        del model["plan"], model["preprocessing"]
        for image in model["images"]:
            del image["first_divergence"]
    for board in record["boards"]:
        del board["caches"]
    markup = summary_html(run_of(record))
    assert re.findall(r"<h2>([^<]+)", markup)[1:] == [TITLES[0], *TITLES[2:5], TITLES[6]]
    assert "operator 12 CONV_2D, 17 of 3328 elements" in markup
    links = re.findall(r'<a href="#([\w-]+)"', markup)
    assert links == re.findall(r' id="([\w-]+)"', markup)


# --- failures ---


def test_failures_are_counted_and_told() -> None:
    failures = count_failures(run_of(sample.record()))
    assert (failures.pictures, failures.of_pictures, failures.budgets, failures.of_budgets) == (1, 8, 2, 13)
    assert failures.models == {("qemu-m55", "stick_heatmaps_64"), ("n6", "stick_heatmaps_64")}, "n6: not compared"
    assert "1 of 8 pictures, 2 of 13 budgets, 2 of 2 networks" in summary_html(run_of(sample.record()))


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        ({}, False),
        ({"divergence": "First divergence: decode"}, True),
        ({"first_divergence": {"stage": "decode"}}, True),
        ({"tensors": [{"differing": 5, "max_lsb": 2}]}, False),
        ({"tensors": [{"differing": 5, "max_lsb": 3}]}, True),
        ({"oks_vs_golden": 0.98}, True),
        ({"oks_vs_golden": None}, False),
        ({"keypoint_error_px": {"mean": 1, "max": 4.1}}, True),
    ],
)
def test_a_picture_fails_by_itself_or_by_the_limits_of_the_budgets(change: dict[str, Any], failed: bool) -> None:
    limits = {"tensor_lsb_max": 2, "oks_vs_golden_min": 0.99, "keypoint_error_px_max": 4}
    model = {"budgets": [{"name": name, "limit": limit, "passed": True} for name, limit in limits.items()]}
    assert picture_failed(model_of(model), picture_of({"oks_vs_golden": 1.0, **change})) is failed


def test_the_filter_leaves_what_failed() -> None:
    """Rows and figures that are fine carry the class; nothing that failed does."""
    markup = summary_html(run_of(sample.record()))
    rows = re.findall(r"<tr( class=\"[\w -]+\")?><th scope=\"row\"><span class=\"pose-name\">(picture-\d+)", markup)
    fine = [name for css, name in rows if "pose-fine" in css]
    assert len(rows) == 8
    assert len(fine) == 7
    assert sorted(fine).count("picture-001") == 1, "of the exact network only"
    assert '<tr class="pose-row-bad"><th scope="row"><span class="pose-name">picture-001' in markup


# --- comparison ---


def test_the_comparison_names_outcome_interval_and_refusals() -> None:
    markup = "".join(comparison_parts(run_of(sample.record())))
    text = Tokens(markup).text
    for words in ("release-1.json", "not everything could be compared", "\N{BALLOT X} regression", "= same", "exact"):
        assert words in text
    assert "the clock was 600 MHz and is 25 MHz" in text
    assert "other firmware: 12, now 34" in text
    assert "-0.004 to +0.001" in text
    assert "-0.0025 (-0.31%)" in text
    assert comparison_parts(run_of({})) == []


def compared_as(**values: Any) -> str:
    """The text of a comparison of one network whose OKS is unclear."""
    found = sample.comparison()
    model = found["models"][0]
    judged = {**model["metrics"][1], "outcome": "unclear"}
    return Tokens(
        "".join(
            comparison_parts(run_of({"comparison": {**found, "models": [{**model, "metrics": [judged]}], **values}}))
        )
    ).text


def with_an_outcome(outcome: str) -> ComparedEntry:
    model = sample.comparison()["models"][0]
    metrics = [{**model["metrics"][1], "outcome": outcome}]
    return ComparedEntry.from_json({**model, "metrics": metrics}, "the test's comparison")


def test_unclear_is_shown_whether_it_passes_or_not() -> None:
    for closed in (True, False):
        text = compared_as(verdict="unclear", closed=closed)
        assert "? unclear: worse than allowed, not told apart from noise" in text
        assert "? unclear" in text.split("Against the baseline")[1]
        assert ("the gate lets it pass" in text) == (not closed)
    assert comparison_failed(with_an_outcome("unclear"))
    assert not comparison_failed(with_an_outcome("worse"))


def test_a_run_that_failed_itself_and_infinite_figures_are_said() -> None:
    found = {"baseline": "b", "models": [], "refusals": [], "verdict": "failed", "run_verdict": "failed"}
    text = Tokens(
        "".join(comparison_parts(run_of({"comparison": {**found, "notes": ["the run itself failed: x"]}})))
    ).text
    assert "\N{BALLOT X} the run itself failed" in text
    assert "the run itself failed: x" in text
    metric = {**sample.comparison()["models"][0]["metrics"][1], "infinite": 2}
    text = Tokens(
        "".join(
            comparison_parts(
                run_of({"comparison": {**found, "models": [{**sample.comparison()["models"][0], "metrics": [metric]}]}})
            )
        )
    ).text
    assert "infinite in 2 pictures, else" in text


def test_the_interval_is_drawn_to_scale_with_the_limit_on_the_worse_side() -> None:
    drawn = re.findall(
        r'<svg.*?class="pose-interval-plot".*?</svg>', "".join(comparison_parts(run_of(sample.record())))
    )
    assert len(drawn) == 2
    places = {
        css: (float(x1), float(x2))
        for x1, x2, css in re.findall(r'<line x1="([\d.]+)" x2="([\d.]+)"[^>]*class="([\w-]+)"', drawn[1])
    }
    [zero, _], [limit, _], [low, high] = (places[f"pose-{name}"] for name in ("zero", "limit", "interval"))
    unit = (zero - limit) / 0.005
    assert unit > 0, "less OKS is worse, so the limit is on the left"
    assert (zero - low) / unit == pytest.approx(0.004, rel=0.02)
    assert (high - zero) / unit == pytest.approx(0.001, rel=0.05)


# --- first divergence ---


def test_the_map_shows_every_cell_once_in_its_shade() -> None:
    where = document_of(sample.divergence())["where"]
    markup = heat_map(where_of(where), "picture-001.png") or ""
    cells: dict[tuple[int, int], int] = {}
    for level, path in re.findall(r'd="([^"]+)" class="pose-heat-(\d)"', markup):
        for x, y, width, back in re.findall(r"M(\d+) (\d+)h(\d+)v1h-(\d+)z", level):
            assert width == back
            for column in range(int(x), int(x) + int(width)):
                assert (int(y), column) not in cells
                cells[int(y), column] = int(path)
    expected = {
        (y, x): 5 if count == 10 else 1 for y, row in enumerate(where["counts"]) for x, count in enumerate(row) if count
    }
    assert cells == expected
    text = Tokens(markup).text
    assert "17 elements, in 8 of 16 x 16 cells; the most, 10, in row 8, column 3" in text
    assert "5 (12), 0 (5)" in text


def test_stages_are_counted_over_the_pictures() -> None:
    model = sample.record(pictures=2)["models"][0]
    model["images"] = [{**model["images"][1], "id": f"p{number}"} for number in range(30)]
    model["images"][0]["first_divergence"] = {**model["images"][0]["first_divergence"], "max_lsb": 90, "differing": 20}
    model["images"][1]["first_divergence"] = {"stage": "decode", "differing": 3}
    markup = "".join(divergence_parts(model_of(model)))
    rows = [re.sub(r"<[^>]+>", "|", row) for row in re.findall(r"<tr>(.*?)</tr>", markup)]
    assert [re.sub(r"\|+", "|", row).strip("|") for row in rows[1:]] == [
        "operator|12 CONV_|2D|40|29|20|90|\N{EN DASH}",
        "decode|\N{EN DASH}|\N{EN DASH}|1|3|\N{EN DASH}|\N{EN DASH}",
    ]
    assert markup.count("<figure") == 12
    assert "and 18 more pictures" in markup
    assert divergence_parts(model_of({"images": [{"id": "fine"}]})) == []


@pytest.mark.parametrize(
    "where",
    [{"counts": []}, {"counts": [[]]}, {"counts": [[0, -1]]}],
)
def test_a_map_that_is_none_is_not_drawn(where: dict[str, Any]) -> None:
    assert heat_map(where_of(where), "x") is None


def test_a_map_is_bounded() -> None:
    where = {"counts": [[1, 0] * 5000] * 5000, "channels": [[each, 1] for each in range(5000)] + [[7], []]}
    markup = heat_map(where_of(where), "x") or ""
    assert 'viewBox="0 0 48 48"' in markup
    assert len(markup) < 40_000


# --- memory ---


def test_memory_bars_are_to_scale_with_high_water_marks_and_budgets() -> None:
    record = sample.record()
    record["models"][0]["memory"] = asdict(MemoryStats(16_384, 4_096, 131_072, 73_728, 0, 0))
    jsonschema.validate(record, record_schema())
    markup = "".join(memory_parts(model_of(record["models"][0]), board_of(record["boards"][0])))
    text = Tokens(markup).text
    for words in (
        "Arena: 96.0 KiB planned, high-water mark 72.0 KiB, budget 1,400.0 KiB",
        "Stack: 16.0 KiB reserved, high-water mark 4.0 KiB",
        "Firmware RAM: 48.5 KiB as linked, budget 64.0 KiB",
        "Network: 158.0 KiB network image, weights 146.5 KiB, budget 2,301.0 KiB",
        "Firmware: 96.0 KiB as linked, budget 128.0 KiB",
    ):
        assert words in text
    tracks, marks = (
        [float(width) for width in re.findall(rf'width="([\d.]+)" height="\d+" class="{css}"', markup)]
        for css in ("pose-track", "pose-column")
    )
    assert marks[0] / tracks[0] == pytest.approx(72 / 96, rel=0.02)
    assert marks[1] / tracks[1] == pytest.approx(4 / 16, rel=0.1)
    assert tracks[1] / tracks[0] == pytest.approx(16 / 96, rel=0.05)


def test_without_the_device_the_peak_of_the_plan_is_the_mark() -> None:
    record = sample.record()
    text = Tokens("".join(memory_parts(model_of(record["models"][0]), board_of(record["boards"][0])))).text
    assert "Arena: 96.0 KiB planned, peak of the plan 96.0 KiB" in text
    assert "Stack" not in text
    assert memory_parts(model_of({}), board_of(None)) == []


# --- plots ---


def columns(markup: str) -> list[float]:
    return [float(height) for height in re.findall(r'height="([\d.]+)" class="pose-column"', markup)]


def test_a_histogram_counts_every_value() -> None:
    values = [0.0, 0.02, 0.5, 1.0, 1.0, 1.0, 7.0, -3.0]
    markup = plots.histogram("t", values, low=0, high=1, bins=20, unit="u")
    counts = [int(each) for each in re.findall(r"<title>(\d+) from", markup)]
    assert counts == [3, 1, 4], "what lies outside counts at the ends"
    assert "8 values; most (4) lie from 0.95 to 1." in markup
    heights = columns(markup)
    assert heights[2] / heights[1] == pytest.approx(4, rel=0.02)


def test_latency_over_the_run_keeps_the_order() -> None:
    model = sample.record(pictures=5)["models"][1]
    markup = "".join(latency_parts(model_of(model)))
    [path] = re.findall(r'd="([^"]+)" class="pose-dots"', markup)
    dots = [(float(x), float(y)) for x, y in re.findall(r"M([\d.]+) ([\d.]+)h0", path)]
    assert len(dots) == 5
    assert dots == sorted(dots, key=lambda dot: (dot[0], -dot[1])), "each picture takes a tick more: the dots rise"
    assert "Distribution of the latency" in markup


def test_equal_latencies_are_a_sentence() -> None:
    model = copy.deepcopy(sample.record()["models"][0])
    for image in model["images"]:
        image["timing"]["values"] = [77]
    text = Tokens("".join(latency_parts(model_of(model)))).text
    assert "All 4 inferences took exactly 77 instructions" in text


def test_long_text_is_cut() -> None:
    record = sample.record(pictures=2)
    record["models"][0]["name"] = record["reasons"][0] = record["boards"][0]["probe_uid"] = "n" * 1_000_000
    assert len(summary_html(run_of(record))) < 400_000


def test_many_reasons_are_folded_and_bounded() -> None:
    markup = summary_html(run_of({**sample.record(), "reasons": [f"reason-{number}" for number in range(10_000)]}))
    assert "491 more reasons" in markup
    assert "and 9,500 more, in the record" in markup
    assert markup.index("reason-9<") < markup.index("<details") < markup.index("reason-10<")
