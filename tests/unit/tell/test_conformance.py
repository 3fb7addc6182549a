"""The conformance table: derived from a record alone, in text, Markdown and HTML; nothing hidden."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pytest_stm32pose.models.zoo import expand, zoo
from pytest_stm32pose.record.json_schema import first_error
from pytest_stm32pose.record.read import record_schema
from pytest_stm32pose.report.html import summary_html
from pytest_stm32pose.tell import conformance
from pytest_stm32pose.tell.conformance import ConformanceRow
from pytest_stm32pose.tell.markdown import markdown_summary
from pytest_stm32pose.tell.terminal import summary_lines
from tests.support import report_sample as sample
from tests.support.html_tokens import Tokens
from tests.support.records import merged, run_of


@pytest.fixture
def record() -> dict[str, Any]:
    return sample.record()


def row_of(record: dict[str, Any], **where: Any) -> ConformanceRow:
    [found] = [
        r for r in conformance.rows(run_of(record)) if all(getattr(r, key) == value for key, value in where.items())
    ]
    return found


def test_the_sample_is_a_valid_record(record: dict[str, Any]) -> None:
    assert first_error(record, record_schema()) is None


def test_a_row_per_board_in_published_order(record: dict[str, Any]) -> None:
    found = [(row.name, row.board) for row in conformance.rows(run_of(record))]
    assert found == [("stick_64", "qemu-m55"), ("stick_64", "n6"), ("absent_64", "qemu-m55")]


def test_measured_figures(record: dict[str, Any]) -> None:
    row = row_of(record, board="qemu-m55", name="stick_64")
    assert (row.measured, row.interval, row.pictures) == (79.75, (78.12, 81.25), 4)
    assert row.inside is True
    assert row.macc_m == pytest.approx(7.654321)
    assert row.activation_kib == 96.0
    assert row.weights_kib == pytest.approx(150_000 / 1024)
    assert row.differing == 17
    assert row.unit == "instructions"
    assert row_of(record, board="n6").differing == 0


@pytest.mark.parametrize(("published", "inside"), [(78.12, True), (81.25, True), (78.11, False), (81.26, False)])
def test_inside_includes_the_bounds(record: dict[str, Any], published: float, inside: bool) -> None:
    record["zoo"][0]["accuracy"] = published
    row = row_of(record, board="n6")
    assert row.inside is inside
    words = "published figure outside the interval: quantised again; the interval is of 4 pictures only"
    assert row.remark == "" if inside else row.remark.startswith(words)


def test_many_pictures_are_no_excuse() -> None:
    record = sample.record(pictures=conformance.FEW_PICTURES)
    record["zoo"][0] |= {"accuracy": 10.0, "note": None}
    assert row_of(record, board="n6").remark == "published figure outside the interval: no explanation is known"


def test_no_interval_is_not_judged(record: dict[str, Any]) -> None:
    record["models"][1]["accuracy"]["oks_vs_truth_interval"] = None
    assert row_of(record, board="n6").inside is None


def test_map_is_taken_from_its_own_key(record: dict[str, Any]) -> None:
    record["zoo"][0]["metric"] = "map50"
    accuracy = record["models"][1]["accuracy"]
    accuracy["map50_vs_truth"], accuracy["map50_vs_truth_interval"] = 0.5, [0.4, 0.6]
    record["models"][1]["images"][0]["keypoints_truth"] = None
    row = row_of(record, board="n6")
    assert (row.measured, row.interval, row.pictures) == (50.0, (40.0, 60.0), 3)
    assert row_of(record, board="qemu-m55", name="stick_64").measured is None


def test_what_did_not_run_says_why_everywhere(record: dict[str, Any]) -> None:
    for text in (
        "\n".join(summary_lines(run_of(record))),
        markdown_summary(run_of(record)).replace("\\", ""),
        Tokens(summary_html(run_of(record))).text,
    ):
        assert "absent_64 on qemu-m55: did not run: its file is not here." in text
        assert "2 of 3 ran, 1 of 2 equal the reference kernels in every element" in text


def test_a_row_that_nobody_ran_is_there(record: dict[str, Any]) -> None:
    record["zoo"][1]["not_run"] = []
    assert "no test of this run measured it" in row_of(record, name="absent_64").remark


def test_a_reason_on_one_board_beside_a_measurement_on_another(record: dict[str, Any]) -> None:
    record["zoo"][0]["not_run"] = [{"board": "qemu-m7", "reason": "arena too small."}]
    assert [row.board for row in conformance.rows(run_of(record)) if row.name == "stick_64"] == [
        "qemu-m55",
        "n6",
        "qemu-m7",
    ]
    assert row_of(record, board="qemu-m7").reason == "arena too small."


def test_markdown_has_every_published_column(record: dict[str, Any]) -> None:
    lines = markdown_summary(run_of(record)).replace("\\", "").splitlines()
    start = lines.index("### As published")
    head, first = lines[start + 2], lines[start + 4]
    assert head.split(" | ")[0] == "| Network"
    assert len(head.split(" | ")) == len(first.split(" | ")) == len(conformance.PUBLISHED_HEADS)
    for value in (
        "drawn figures",
        "64 x 64",
        "OKS 79.50 %",
        "7.654",
        "STM32Cube.AI 9.1.0",
        "https://example.org/stick",
    ):
        assert value in first


def test_other_runs_have_no_table(record: dict[str, Any]) -> None:
    del record["zoo"]
    assert conformance.terminal_lines(run_of(record)) == []
    assert "Conformance" not in markdown_summary(run_of(record))
    assert "Conformance" not in summary_html(run_of(record))


def test_terminal_columns_line_up(record: dict[str, Any]) -> None:
    head, *rest = conformance.terminal_lines(run_of(record))[:4]
    end = head.index("Measured %") + len("Measured %")
    assert [line[:end].split()[-1] for line in rest] == ["79.75", "79.75", "-"]


def test_merging_workers_keeps_all_reasons_and_the_order(record: dict[str, Any]) -> None:
    names = list(zoo())[:3]
    parts = []
    for board in ("a", "b"):
        part = copy.deepcopy(record)
        part["models"] = []
        part["zoo"] = [
            {**record["zoo"][1], "name": name, "not_run": [{"board": board, "reason": "no file."}]}
            for name in (names if board == "a" else reversed(names))
        ]
        parts.append(part)
    found = merged([parts[1], parts[0], parts[0]])
    assert [entry["name"] for entry in found["zoo"]] == names
    assert [[each["board"] for each in entry["not_run"]] for entry in found["zoo"]] == [["b", "a"]] * 3
    plain = sample.record()
    del plain["zoo"]
    assert "zoo" not in merged([plain, plain])


def test_a_row_without_a_published_accuracy(record: dict[str, Any]) -> None:
    """Measured all the same; nothing is inside or outside."""
    record["zoo"][0]["accuracy"] = None
    assert first_error(record, record_schema()) is None
    row = row_of(record, board="n6")
    assert (row.published, row.inside, row.remark) == (None, None, "")
    assert row.measured == 79.75
    assert conformance.published_cells(run_of(record).zoo[0])[8] == "-"
    assert "As published" in summary_html(run_of(record))
    assert "stick\\_64" in markdown_summary(run_of(record))


def test_all_means_every_row_once() -> None:
    assert expand(["x.tflite"]) == (("x.tflite",), ())
    first = next(iter(zoo()))
    models, rows = expand([first, "all", "x.tflite"])
    assert rows == tuple(zoo())
    assert models == (*rows, "x.tflite")
