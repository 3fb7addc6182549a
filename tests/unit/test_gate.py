"""The gate: what it refuses, what it calls a regression, what it merely tells."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from pytest_stm32pose.comparison_text import markdown, terminal_lines
from pytest_stm32pose.gate import Comparison, Judged, compare
from pytest_stm32pose.limits import METRICS, Limits, parse_limits
from pytest_stm32pose.schema import first_error
from tests.report_sample import record as sample
from tests.unit.test_change import timings

Change = Callable[[dict[str, Any]], None]
PICTURES = 20


def record() -> dict[str, Any]:
    """A passed run of one network on an emulated and on a real board, as read_record gives it."""
    made = sample(PICTURES)
    del made["comparison"], made["zoo"]
    made["verdict"], made["reasons"] = "passed", []
    for model, values in zip(made["models"], (None, timings(1, PICTURES)), strict=True):
        for i, image in enumerate(model["images"]):
            image["oks_vs_golden"], image["oks_vs_truth"] = 1.0, 0.8 - i / 100
            image["keypoint_error_px"] = {"mean": 0.0, "max": 0.0}
            for tensor in image["tensors"]:
                tensor["differing"] = 0
            if values:
                image["timing"]["values"] = values[i]
                model["latency"]["p50"], model["latency"]["p95"] = 1_000_000, 1_003_000
    return made


def judged(comparison: Comparison, board: str) -> dict[str, Judged]:
    [model] = [each for each in comparison.models if each.board == board]
    assert not model.refusals
    return {metric.name: metric for metric in model.metrics}


def against(new: dict[str, Any], **limits: float | str) -> Comparison:
    return compare([record()], new, Limits(parse_limits(limits, "test")), "release.json")


def test_the_same_run_passes_and_everything_is_judged() -> None:
    found = against(record())
    assert found.verdict == "passed"
    assert {metric.outcome for model in found.models for metric in model.metrics} == {"same"}
    for board in ("qemu-m55", "n6"):
        assert set(judged(found, board)) == {metric.name for metric in METRICS} - {"map50_vs_truth"}


# --- refusals ---


def set_all(key: str, value: Any) -> Change:
    return lambda new: [model.__setitem__(key, value) for model in new["models"]] and None


def on_boards(key: str, value: Any) -> Change:
    return lambda new: [board.__setitem__(key, value) for board in new["boards"]] and None


def of_latency(new: dict[str, Any]) -> None:
    for model in new["models"]:
        model["latency"]["source"] = "swo"


def of_engine(new: dict[str, Any]) -> None:
    for model in new["models"]:
        model["golden"]["resolver"] = "BUILTIN"


def without_a_picture(new: dict[str, Any]) -> None:
    for model in new["models"]:
        del model["images"][3]


def other_picture(new: dict[str, Any]) -> None:
    for model in new["models"]:
        model["images"][2]["sha256"] = "f" * 64


def other_label(new: dict[str, Any]) -> None:
    for model in new["models"]:
        model["images"][2]["keypoints_truth"] = None


def untimed(new: dict[str, Any]) -> None:
    for model in new["models"]:
        model["images"][5]["timing"] = None


def twice(new: dict[str, Any]) -> None:
    for model in new["models"]:
        model["images"].append(model["images"][0])


def no_boards(new: dict[str, Any]) -> None:
    new["boards"] = []


def no_pictures(new: dict[str, Any]) -> None:
    for model in new["models"]:
        model["images"] = []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (on_boards("clock_hz", 600_000_000), "the clock was 25 MHz and is 600 MHz"),
        (on_boards("caches", "none on"), "the caches was I and D on and is none on"),
        (on_boards("core", "Cortex-M7"), "the core was Cortex-M55 and is Cortex-M7"),
        (on_boards("mcu", "STM32N655"), "the chip was"),
        (set_all("preprocessing", "stretch"), "the preprocessing was letterbox and is stretch"),
        (set_all("plan", "plain"), "the plan was small and is plain"),
        (set_all("input_shape", [96, 96, 3]), "the input was 64x64x3 and is 96x96x3"),
        (of_engine, "the golden engine was LiteRT BUILTIN_REF and is LiteRT BUILTIN"),
        (of_latency, "the time source was"),
        (without_a_picture, "the pictures of the run differ: 1 missing (picture-003.png)"),
        (other_picture, "the pictures of the run differ: 1 changed (picture-002.png)"),
        (other_label, "the labels of the run differ: 1 changed (picture-002.png)"),
        (untimed, "the timing of the run differ: 1 changed (picture-005.png)"),
        (twice, "the run has the picture picture-000.png more than once"),
        (no_boards, "the run lacks its board"),
        (no_pictures, "the run has no picture"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_compared_is_refused_in_words(change: Change, words: str) -> None:
    new = record()
    change(new)
    found = against(new)
    assert found.verdict == "blocked"
    assert all(any(words in why for why in model.refusals) for model in found.models), found.all_refusals
    assert not found.regressions


def test_another_board_or_network_is_refused_and_says_what_there_is() -> None:
    new = record()
    for entry in (*new["boards"], *new["models"]):
        key = "board" if "board" in entry else "name"
        entry[key] = entry[key].replace("n6", "h7")
    found = against(new)
    assert found.verdict == "blocked"
    [why] = found.all_refusals
    assert "release.json has nothing of it" in why
    assert "stick_heatmaps_64 on n6" in why


def test_a_run_that_measured_nothing_is_not_green() -> None:
    assert against({**record(), "models": []}).verdict == "blocked"


@pytest.mark.parametrize("key", ["caches", "plan"])
def test_what_one_side_cannot_know_is_told_and_not_refused(key: str) -> None:
    old = record()
    for entry in (*old["boards"], *old["models"]):
        entry.pop(key, None)
    found = compare([old], record(), Limits(), "old.json")
    assert found.verdict == "passed"
    assert all(f"the {key} of the baseline is not known" in model.notes for model in found.models)
    neither = compare([old], copy.deepcopy(old), Limits(), "old.json")
    assert all(not model.notes for model in neither.models)


# --- verdicts ---


def test_an_emulator_is_exact_and_any_change_is_told() -> None:
    new = record()
    new["models"][0]["latency"]["p50"] += 81
    found = judged(against(new), "qemu-m55")["latency_p50"]
    assert (found.outcome, found.change, found.p) == ("worse", 81, None)
    assert "within the allowed 1 %" in found.said
    new["models"][0]["latency"]["p50"] += 81_240
    assert judged(against(new), "qemu-m55")["latency_p50"].outcome == "regression"
    assert judged(against(new, latency_p50="2 %"), "qemu-m55")["latency_p50"].outcome == "worse"
    assert judged(against(new, latency_p50=100_000), "qemu-m55")["latency_p50"].outcome == "worse"
    new["models"][0]["latency"]["p50"] -= 90_000
    assert judged(against(new), "qemu-m55")["latency_p50"].outcome == "better"


@pytest.mark.parametrize(("times", "outcome"), [(1.02, "regression"), (0.95, "better"), (1.0, "same")])
def test_a_board_is_judged_by_its_timings(times: float, outcome: str) -> None:
    new = record()
    for image, values in zip(new["models"][1]["images"], timings(2, PICTURES, times), strict=True):
        image["timing"]["values"] = values
    assert judged(against(new), "n6")["latency_p50"].outcome == outcome


def lower(new: dict[str, Any], by: float, pictures: int) -> None:
    for image in new["models"][1]["images"][:pictures]:
        image["oks_vs_truth"] -= by


def test_accuracy_by_picture() -> None:
    new = record()
    lower(new, 0.02, PICTURES)
    found = against(new)
    assert found.verdict == "failed"
    [why] = found.regressions
    assert "oks_vs_truth went from 0.7050 to 0.6850 OKS, change -0.0200" in why
    assert "allowed is 0.005 OKS less" in why
    assert judged(against(new, oks_vs_truth=0.03), "n6")["oks_vs_truth"].outcome == "worse"


def test_one_picture_that_falls_is_unclear_and_says_what_would_help() -> None:
    new = record()
    lower(new, 0.4, 1)
    found = judged(against(new), "n6")["oks_vs_truth"]
    assert found.outcome == "unclear"
    assert "use more pictures or repeats" in found.said
    assert against(new).verdict == "passed"


def test_pictures_without_labels_leave_accuracy_to_the_golden() -> None:
    base, new = record(), record()
    for made in (base, new):
        for model in made["models"]:
            for image in model["images"]:
                image["keypoints_truth"] = image["oks_vs_truth"] = None
    found = judged(compare([base], new, Limits(), "base"), "n6")
    assert "oks_vs_truth" not in found
    assert found["oks_vs_golden"].outcome == "same"


def test_several_persons_are_judged_by_map() -> None:
    base, new = record(), record()
    for made, oks in ((base, 0.9), (new, 0.3)):
        for image in made["models"][0]["images"]:
            image["matches"] = {"scores": [0.9, 0.4], "oks": [oks, 0.0], "targets": 1}
        made["models"][0]["images"][0]["matches"] = None  # a picture without labels
    found = judged(compare([base], new, Limits(), "base"), "qemu-m55")["map50_vs_truth"]
    assert (found.outcome, found.base, found.new, found.n) == ("regression", 1, 0, PICTURES - 1)


def test_without_timings_there_is_no_latency() -> None:
    base, new = record(), record()
    for made in (base, new):
        for model in made["models"]:
            model["latency"] = None
            for image in model["images"]:
                image["timing"] = None
    found = judged(compare([base], new, Limits(), "base"), "n6")
    assert not {name for name in found if name.startswith("latency")}


def test_what_else_differs_is_noted() -> None:
    base, new = record(), record()
    base["verdict"] = "failed"
    new["boards"][1]["firmware"]["sha256"] = "9" * 64
    new["models"][1]["images"][0]["timing"]["values"][0] = 5_000_000
    [notes] = [model.notes for model in compare([base], new, Limits(), "base").models if model.board == "n6"]
    assert "other firmware: cdcdcdcdcdcd, now 999999999999" in notes
    assert "the baseline is of a run that failed" in notes
    assert "1 of 200 timings of the run are outliers; they count like the others" in notes


def test_the_first_of_several_baselines_counts() -> None:
    older = record()
    older["models"][0]["latency"]["p50"] -= 1_000_000
    assert compare([record(), older], record(), Limits(), "folder").verdict == "passed"
    assert compare([older, record()], record(), Limits(), "folder").verdict == "failed"


def test_of_two_networks_of_one_name_the_same_file_counts() -> None:
    base, new = record(), record()
    second = copy.deepcopy(base["models"][0])
    second["sha256"], second["latency"]["p50"] = "e" * 64, 1
    base["models"].insert(0, second)
    assert compare([base], new, Limits(), "base").verdict == "passed"
    new["models"][0]["sha256"] = "d" * 64  # a new version: the first
    assert compare([base], new, Limits(), "base").verdict == "failed"


# --- as record and text ---


def test_the_comparison_fits_the_record_and_is_shown() -> None:
    from pytest_stm32pose.record import plain, record_schema

    new = record()
    lower(new, 0.02, PICTURES)
    new["models"][0]["plan"] = "plain"
    comparison = plain(against(new).as_dict())
    schema = record_schema()
    assert first_error(comparison, {**schema["properties"]["comparison"], "$defs": schema.get("$defs", {})}) is None
    text = "\n".join(terminal_lines(comparison))
    assert "REGRESSION" in text
    assert "not compared: stick_heatmaps_64 on qemu-m55: the plan was small and is plain" in text
    shown = "\n".join(markdown(comparison, lambda cell: cell.replace("|", "\\|")))
    assert "| REGRESSION | stick_heatmaps_64 | n6 | oks_vs_truth | 0.7050 | 0.6850 OKS |" in shown
