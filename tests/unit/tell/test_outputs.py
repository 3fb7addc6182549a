"""A record where people look besides the report: OpenMetrics, annotations, code quality, job summary, progress; and
what several attempts or several workers come to."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from pytest_stm32pose.bench.interruption import cut_off_by
from pytest_stm32pose.errors import ConfigError, ProbeError
from pytest_stm32pose.plugin.progress import PICTURE_TEST, Progress, ProgressReporter
from pytest_stm32pose.plugin.workers import Spool
from pytest_stm32pose.record.read import record_schema
from pytest_stm32pose.run.outcomes import Outcomes
from pytest_stm32pose.settings import Settings
from pytest_stm32pose.tell.code_quality import (
    DEFAULT_PLACE,
    MAX_ANNOTATIONS,
    MAX_FINDINGS,
    code_quality,
    github_annotations,
)
from pytest_stm32pose.tell.openmetrics import openmetrics
from pytest_stm32pose.tell.publish import locator, publish
from pytest_stm32pose.tell.terminal import MAX_REASONS, summary_lines
from tests.support import report_sample
from tests.support.records import merged, part_of, run_of, runs_of

#: Fields that GitLab requires of a finding (docs.gitlab.com, "Code Quality report format").
GITLAB = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "minLength": 1},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "pattern": "^[^/.]"},
                    "lines": {"type": "object", "required": ["begin"], "properties": {"begin": {"type": "integer"}}},
                },
            },
        },
    },
}
HOSTILE = 'a"b\\c\nd'


def record(verdict: str = "failed", reasons: list[str] | None = None) -> dict[str, Any]:
    found = report_sample.record()
    return {**found, "verdict": verdict, "reasons": reasons or []}


def nowhere(file: str) -> None:
    return None


# --- OpenMetrics ---


def families(found: dict[str, Any]) -> dict[str, Any]:
    """By the reference parser, which refuses what the specification forbids."""
    return {family.name: family for family in text_string_to_metric_families(openmetrics(run_of(found)))}


def test_openmetrics_holds_the_figures_of_the_record() -> None:
    found = record()
    parsed = families(found)
    state = {sample.labels["stm32pose_verdict"]: sample.value for sample in parsed["stm32pose_verdict"].samples}
    assert state == {"passed": 0, "failed": 1, "blocked": 0}
    [started] = parsed["stm32pose_started_seconds"].samples
    assert started.value == 1767323045  # 2026-01-02T03:04:05Z
    for model in found["models"]:
        labels = {"board": model["board"], "model": model["name"]}
        [oks] = [s.value for s in parsed["stm32pose_oks_vs_golden"].samples if s.labels == labels]
        assert oks == model["accuracy"]["oks_vs_golden"]
        latency = parsed[f"stm32pose_latency_{model['latency']['unit']}"]
        assert latency.unit == model["latency"]["unit"]
        quantiles = {s.labels["quantile"]: s.value for s in latency.samples if s.labels["board"] == model["board"]}
        assert quantiles == {key: model["latency"][key] for key in ("p50", "p95", "p99", "max")}
    assert {"stm32pose_latency_instructions", "stm32pose_latency_cycles"} <= parsed.keys()
    assert "stm32pose_map50_vs_truth" not in parsed, "what was not measured is left out"


def test_openmetrics_takes_any_name_and_equal_names() -> None:
    found = record()
    first = {**found["models"][0], "name": HOSTILE}
    found["models"] = [first, {**first, "sha256": "cd" * 32}]
    labels = [sample.labels["model"] for sample in families(found)["stm32pose_oks_vs_golden"].samples]
    assert labels == [HOSTILE, f"{HOSTILE}@cdcdcdcd"]


def test_openmetrics_of_a_run_that_measured_nothing() -> None:
    assert families({**record("blocked", ["no probe"]), "models": []}).keys() == {
        "stm32pose_verdict",
        "stm32pose_started_seconds",
    }


# --- GitHub and GitLab ---


def test_annotations_escape_what_github_reads() -> None:
    found = record("failed", ["tests/test_a,b.py::test_x[n6-50%]: 3 % too slow: 1,2"])
    assert github_annotations(run_of(found), lambda file: file) == [
        "::error file=tests/test_a%2Cb.py,title=Pose validation failed::"
        "tests/test_a,b.py::test_x[n6-50%25]: 3 %25 too slow: 1,2"
    ]


def test_a_blocked_run_warns_and_a_passed_one_says_nothing() -> None:
    [line] = github_annotations(run_of(record("blocked", ["first line\nsecond ::error::line"])), nowhere)
    assert line == "::warning title=Pose validation blocked::first line second ::error::line"
    assert github_annotations(run_of(record("passed")), nowhere) == []
    assert json.loads(code_quality(run_of(record("passed")), nowhere)) == []


def test_annotations_are_as_many_as_github_shows() -> None:
    reasons = [f"test_a.py::test_{number}: wrong" for number in range(100)]
    lines = github_annotations(run_of(record("failed", reasons)), nowhere)
    assert len(lines) == MAX_ANNOTATIONS
    assert lines[-1].endswith("and 91 more; the record has them all")
    assert len(github_annotations(run_of(record("failed", reasons[:MAX_ANNOTATIONS])), nowhere)) == MAX_ANNOTATIONS
    assert len(json.loads(code_quality(run_of(record("failed", reasons)), nowhere))) == MAX_FINDINGS


def test_code_quality_is_what_gitlab_reads() -> None:
    reasons = ["test_a.py::test_x[n6]: 4 LSB", "test_a.py::test_x[n6]: stack is full", "The probe is gone."]
    findings = json.loads(code_quality(run_of(record("failed", reasons)), lambda file: f"tests/{file}"))
    jsonschema.validate(findings, GITLAB)
    assert [finding["description"] for finding in findings] == reasons
    assert [finding["location"]["path"] for finding in findings] == ["tests/test_a.py"] * 2 + [DEFAULT_PLACE]
    assert len({finding["fingerprint"] for finding in findings}) == 3


def test_a_finding_is_the_same_one_with_another_figure() -> None:
    first, second = (
        json.loads(code_quality(run_of(record("failed", [f"test_a.py::test_x[n6]: {lsb} LSB"])), nowhere))[0]
        for lsb in (4, 7)
    )
    assert first["fingerprint"] == second["fingerprint"]
    assert first["description"] != second["description"]


@pytest.mark.parametrize("variable", ["GITHUB_WORKSPACE", "CI_PROJECT_DIR", None])
def test_files_are_named_as_in_the_repository(variable: str | None, tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "test_a.py").touch()
    (tmp_path / "outside.py").touch()
    locate = locator(tmp_path / "lab", {variable: str(tmp_path)} if variable else {})
    assert locate("test_a.py") == ("lab/test_a.py" if variable else "test_a.py")
    assert locate("test_missing.py") is None
    assert locate("../outside.py") == ("outside.py" if variable else None)


# --- job summary ---


def test_publish_appends_the_summary_and_writes_what_was_asked_for(tmp_path: Path) -> None:
    found = report_sample.record()
    found["models"][0]["accuracy"]["map50_vs_truth"] = 0.625
    found["comparison"] = report_comparison()
    summary = tmp_path / "summary.md"
    summary.write_text("# Other step\n")
    settings = Settings(openmetrics=tmp_path / "a" / "b.txt", code_quality=tmp_path / "q.json")
    environ = {"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_ACTIONS": "true"}
    lines = publish(run_of(found), settings, environ, tmp_path)
    text = summary.read_text()
    assert text.startswith("# Other step\n## Pose validation: failed\n")
    assert "0.6250" in text
    assert "baseline.json" in text
    assert "latency\\_p50" in text
    assert len(lines) == len(found["reasons"])
    assert (tmp_path / "a" / "b.txt").read_text().endswith("# EOF\n")
    jsonschema.validate(json.loads((tmp_path / "q.json").read_text()), GITLAB)
    assert publish(run_of(found), Settings(), {}, tmp_path) == []


def report_comparison() -> dict[str, Any]:
    """By the gate itself: a network twice as slow as its baseline."""
    from pytest_stm32pose.judge import gate
    from pytest_stm32pose.judge.gate_limits import Limits

    base, slow = report_sample.record(), report_sample.record()
    for model in slow["models"]:
        for image in model["images"]:
            if image["timing"]:
                image["timing"]["values"] = [2 * value for value in image["timing"]["values"]]
    return dict(gate.compare(runs_of([base]), run_of(slow), Limits(), "baseline.json").entry.to_json())


def test_a_summary_takes_names_of_files_that_are_no_text(tmp_path: Path) -> None:
    found = report_sample.record()
    found["reasons"] = ["caf\udce9.png: too far off"]
    summary = tmp_path / "summary.md"
    publish(run_of(found), Settings(), {"GITHUB_STEP_SUMMARY": str(summary)}, tmp_path)
    assert r"caf\udce9.png" in summary.read_text().replace(r"\\", "\\")


def test_a_summary_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"job summary .* cannot be written"):
        publish(run_of(record()), Settings(), {"GITHUB_STEP_SUMMARY": str(tmp_path)}, tmp_path)


# --- terminal ---


def test_the_summary_has_one_line_per_network_and_not_every_reason() -> None:
    found = record("failed", [f"reason {number}" for number in range(MAX_REASONS + 5)])
    del found["zoo"]
    lines = summary_lines(run_of(found))
    assert [line.partition("  ")[0] for line in lines if not line.startswith(" ")][: len(found["models"])] == [
        model["board"] for model in found["models"]
    ]
    assert sum(line.startswith("  reason") for line in lines) == MAX_REASONS
    assert lines[-1] == "  and 5 more, which the record has"


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_progress_says_rate_and_time_left_and_not_too_often() -> None:
    clock = Clock()
    said: list[str] = []
    progress = Progress(80, said.append, every_s=15, clock=clock)
    progress.begin()
    for _ in range(80):
        clock.now += 0.75
        progress.advance()
    assert said == [
        "20 of 80 pictures, 1.3 a second, 45 s left",
        "40 of 80 pictures, 1.3 a second, 30 s left",
        "60 of 80 pictures, 1.3 a second, 15 s left",
    ]


def test_progress_of_slow_pictures_and_of_an_unknown_number() -> None:
    clock = Clock()
    said: list[str] = []
    slow, unknown = (Progress(total, said.append, every_s=0, clock=clock) for total in (500, 0))
    slow.begin()
    unknown.begin()
    clock.now += 90
    slow.advance()
    unknown.advance()
    assert said == ["1 of 500 pictures, 90.0 s each, 12 h 28 min left", "1 pictures, 90.0 s each"]


def report(when: str, outcome: str = "passed", *properties: tuple[str, str]) -> SimpleNamespace:
    return SimpleNamespace(when=when, outcome=outcome, user_properties=list(properties))


def test_progress_counts_the_tests_of_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr("pytest_stm32pose.plugin.progress.SAY_EVERY_S", 0.0)
    monkeypatch.setattr(Progress.__init__, "__kwdefaults__", {"every_s": 0.0, "clock": Clock()})
    reporter = ProgressReporter(lambda: 9, said.append)
    items = [SimpleNamespace(fixturenames=names) for names in (["pose_picture"], ["pose_picture"], ["tmp_path"])]
    reporter.pytest_collection_finish(SimpleNamespace(items=items))
    reporter.pytest_runtest_logreport(report("call"))
    reporter.pytest_runtest_logreport(report("setup", "passed", PICTURE_TEST))
    reporter.pytest_runtest_logreport(report("call", "rerun", PICTURE_TEST))
    assert said == []
    reporter.pytest_runtest_logreport(report("call", "failed", PICTURE_TEST))
    assert [line.split(",")[0] for line in said] == ["1 of 2 pictures"]


# --- attempts ---


def test_the_last_attempt_counts() -> None:
    outcomes = Outcomes()
    assert not outcomes.begin("a")
    outcomes.add("a", AssertionError("3 LSB\nmore"))
    outcomes.add("b", ProbeError("no answer"))
    assert outcomes.begin("a")
    outcomes.passed += 1
    assert outcomes.pairs == [("blocked", "no answer")]
    assert outcomes.reruns == ["a: 3 LSB"]
    outcomes.begin("b")
    outcomes.add("b", ProbeError("no answer"))
    assert outcomes.reruns == ["a: 3 LSB"], "b failed again"
    outcomes.begin("b")
    assert outcomes.pairs == [("passed", "")]
    assert outcomes.reruns == ["a: 3 LSB", "no answer", "no answer"]


class Alarm(BaseException):
    """As pytest-timeout raises one wherever the test happens to be."""


@pytest.mark.parametrize(
    ("module", "cut"), [("pytest_stm32pose.probes.session", True), ("pytest_stm32pose.metrics.tensors", False)]
)
def test_a_time_limit_amid_a_request_is_told_from_others(module: str, cut: bool) -> None:
    names: dict[str, Any] = {"__name__": module, "Alarm": Alarm, "ProbeError": ProbeError}
    code = """
def alone():
    raise Alarm("Timeout")

def unwinding():
    try:
        alone()
    finally:
        raise ProbeError("the stop reply is missing")

def own():
    raise ProbeError("no answer")
"""
    exec(code, names)
    for name, by_alarm in (("alone", cut), ("unwinding", cut), ("own", False)):
        with pytest.raises((Alarm, ProbeError)) as caught:
            names[name]()
        assert isinstance(cut_off_by(caught.value), Alarm) == by_alarm, name
    assert cut_off_by(None) is None


# --- workers ---


def test_workers_leave_their_parts_when_a_run_ends_early() -> None:
    controller = Spool(None)
    told: dict[str, Any] = {}
    controller.tell(told)
    for part in ("one", ""):
        Spool(told).leave(part)
    [folder] = told.values()
    assert controller.take() == ["one"]
    assert not Path(folder).exists()
    Spool(told).leave("too late")
    assert not Path(folder).exists()
    assert Spool(None).take() == []


def test_the_profile_is_that_of_all_pictures() -> None:
    values = {"a": [(0, 10), (1, 100)], "b": [(0, 30), (1, 500)], "c": [(0, 90), (1, 300)]}
    parts = []
    for names in (("a",), ("b", "c")):
        part = report_sample.record()
        [model] = [each for each in part["models"] if each.get("operators")][:1]
        part["models"] = [{**model, "images": [{**model["images"][0], "id": name} for name in names]}]
        parts.append(part_of(part, values))
    for order in (parts, parts[::-1]):
        found = merged(order)
        jsonschema.validate(found, record_schema())
        [model] = found["models"]
        expected = [statistics.median(pairs[op][1] for pairs in values.values()) for op in (0, 1)]
        assert [row["p50"] for row in model["operators"]] == expected == [30, 300]
        assert [row["share"] for row in model["operators"]] == pytest.approx([1 / 11, 10 / 11])
        convolution = model["operators"][1]
        assert convolution["per_mac"] == 300 / convolution["macs"]


def test_one_worker_alone_is_merged_too() -> None:
    found = merged([report_sample.record()])
    jsonschema.validate(found, record_schema())
    assert "operators" not in found["models"][0], "nothing was profiled"


def test_notes_of_workers_stand_once_and_in_the_summary() -> None:
    parts = [report_sample.record() for _ in range(3)]
    assert "notes" not in merged(parts)
    parts[0]["notes"], parts[2]["notes"] = ["one.", "two."], ["two.", "three."]
    found = merged(parts)
    jsonschema.validate(found, record_schema())
    assert found["notes"] == ["one.", "two.", "three."]
    lines = summary_lines(run_of(found))
    place = lines.index("note: one.")
    assert lines[place : place + 4] == [*(f"note: {each}" for each in found["notes"]), f"verdict: {found['verdict']}"]


def test_a_picture_that_differed_on_one_worker_stays_so() -> None:
    good, bad = report_sample.record(), report_sample.record()
    for found, differs in ((good, None), (bad, "First divergence: output")):
        found["models"] = found["models"][:1]
        for image in found["models"][0]["images"]:
            image["divergence"] = differs
    for order in ([good, bad], [bad, good]):
        assert {image["divergence"] for image in merged(order)["models"][0]["images"]} == {"First divergence: output"}


def test_boards_come_in_the_order_asked_for() -> None:
    found = report_sample.record()
    names = [board["name"] for board in found["boards"]]
    reversed_record = {**found, "boards": found["boards"][::-1], "models": found["models"][::-1]}
    of_both = merged([reversed_record, found], names)
    assert [board["name"] for board in of_both["boards"]] == names
    assert [model["board"] for model in of_both["models"]] == names


def test_what_one_worker_did_not_ask_its_board_another_did() -> None:
    first, second = report_sample.record(), report_sample.record()
    first["boards"][0]["firmware"]["ram_bytes"] = None
    second["boards"][0]["firmware"]["ram_bytes"] = 4096
    for order in ([first, second], [second, first]):
        assert merged(order)["boards"][0]["firmware"]["ram_bytes"] == 4096


def test_a_board_that_one_worker_heard_nothing_of_is_known_by_another() -> None:
    first, second = report_sample.record(), report_sample.record()
    first["boards"][0]["firmware"].update(version="", backend="", kernels="")
    first["boards"][0]["caches"] = None
    for order in ([first, second], [second, first]):
        board = merged(order)["boards"][0]
        assert board["firmware"] == second["boards"][0]["firmware"]
        assert board["caches"] == "I and D on"
