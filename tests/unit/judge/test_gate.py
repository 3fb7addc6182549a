"""The gate: what it refuses, what it calls a regression, what it merely tells."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from pytest_stm32pose.entries.comparison import MetricEntry
from pytest_stm32pose.judge.gate import Comparison, Scope, compare
from pytest_stm32pose.judge.gate_limits import METRICS, Limits, parse_limits
from pytest_stm32pose.metrics.skeleton import ST_13
from pytest_stm32pose.record.json_schema import first_error
from pytest_stm32pose.tell.comparison_text import markdown, terminal_lines
from tests.support.records import run_of, runs_of
from tests.support.report_sample import record as sample
from tests.unit.judge.test_change import timings

Change = Callable[[dict[str, Any]], object]
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
            image["input_crc32"], image["deterministic"] = i, True
            for tensor in image["tensors"]:
                tensor["differing"] = tensor["max_lsb"] = 0
            if values:
                image["timing"]["values"] = values[i]
                model["latency"]["p50"], model["latency"]["p95"] = 1_000_000, 1_003_000
    return made


def judged(comparison: Comparison, board: str) -> dict[str, MetricEntry]:
    [model] = [each for each in comparison.models if each.board == board]
    assert not model.refusals
    return {metric.name: metric for metric in model.metrics}


def against(new: dict[str, Any], **limits: float | str) -> Comparison:
    return compare(runs_of([record()]), run_of(new), Limits(parse_limits(limits, "test")), "release.json")


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


def keypoint_set(*sigmas: float) -> dict[str, Any]:
    """ST's set, with its own sigmas or others."""
    return {"name": ST_13.name, "names": list(ST_13.names), "limbs": [], "sigmas": list(sigmas or ST_13.sigmas),
            "sigmas_from": "x"}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (on_boards("clock_hz", 600_000_000), "the clock was 25 MHz and is 600 MHz"),
        (on_boards("caches", "none on"), "the caches was I and D on and is none on"),
        (on_boards("core", "Cortex-M7"), "the core was Cortex-M55 and is Cortex-M7"),
        (on_boards("mcu", "STM32N655"), "the chip was"),
        (set_all("preprocessing", "stretch"), "the preprocessing was letterbox and is stretch"),
        (set_all("decoding", "score=0.5"), "the decoding was by default and is score=0.5"),
        (set_all("plan", "plain"), "the plan was small and is plain"),
        (set_all("input_shape", [96, 96, 3]), "the input was 64x64x3 and is 96x96x3"),
        (set_all("keypoints", 0), "the keypoints was 13 and is none"),
        (set_all("keypoint_set", keypoint_set(*[0.1] * 13)), "the keypoint set was ST 13 ("),
        (set_all("family", "landmarks"), "the family was heatmap and is landmarks"),
        (set_all("decoder", "mine 2"), "the decoder was built in and is mine 2"),
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


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("weights", "the weights' memory was nor SPI 33 MHz and is nor octal DTR 50 MHz"),
        ("arena", "the arena's memory was axisram and is nor octal DTR 50 MHz"),
    ],
)
def test_timed_runs_from_other_memories_are_not_compared(key: str, words: str) -> None:
    """Their accuracy alone is; a record that does not tell is compared, with a note."""
    old, new = record(), record()
    for document in (old, new):
        set_all("places", {"weights": "nor SPI 33 MHz", "arena": "axisram"})(document)
    for model in new["models"]:
        model["places"] = {**model["places"], key: "nor octal DTR 50 MHz"}
    found = compare(runs_of([old]), run_of(new), Limits(), "old.json")
    assert found.verdict == "blocked"
    assert all(any(words in why for why in model.refusals) for model in found.models), found.all_refusals
    untold = against(new)
    assert untold.verdict == "passed", untold.all_refusals
    assert all("the weights' memory of the baseline is not known" in model.notes for model in untold.models)
    for document in (old, new):
        for model in document["models"]:
            model["latency"] = None
            for image in model["images"]:
                image["timing"] = None
    assert compare(runs_of([old]), run_of(new), Limits(), "old.json").verdict == "passed"


def test_another_network_may_be_of_another_family() -> None:
    new = record()
    for change in (set_all("family", "landmarks"), set_all("sha256", "f" * 64)):
        change(new)
    assert against(new).verdict != "blocked"


def test_another_board_or_network_is_refused_and_says_what_there_is() -> None:
    new = record()
    for entry in (*new["boards"], *new["models"]):
        key = "board" if "board" in entry else "name"
        entry[key] = entry[key].replace("n6", "h7")
    found = against(new)
    assert found.verdict == "blocked"
    other, gone = found.all_refusals
    assert "release.json has nothing of it" in other
    assert "stick_heatmaps_64 on n6" in other
    assert gone == "stick_heatmaps_64 on n6: the baseline has it and the run has not"


def test_a_run_that_measured_nothing_is_not_green() -> None:
    assert against({**record(), "models": []}).verdict == "blocked"


@pytest.mark.parametrize("key", ["caches", "plan"])
def test_what_one_side_cannot_know_is_told_and_not_refused(key: str) -> None:
    old = record()
    for entry in (*old["boards"], *old["models"]):
        entry.pop(key, None)
    found = compare(runs_of([old]), run_of(record()), Limits(), "old.json")
    assert found.verdict == "passed"
    assert all(f"the {key} of the baseline is not known" in model.notes for model in found.models)
    neither = compare(runs_of([old]), run_of(copy.deepcopy(old)), Limits(), "old.json")
    assert all(not model.notes for model in neither.models)


def test_records_without_a_keypoint_set_had_the_usual_one() -> None:
    """Also where a set is told, its sigmas are those of then."""
    new = record()
    set_all("keypoint_set", keypoint_set())(new)
    found = against(new)
    assert found.verdict == "passed", found.all_refusals
    assert not any("keypoint set" in note for model in found.models for note in model.notes)


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


def another_network(new: dict[str, Any]) -> dict[str, Any]:
    for model in new["models"]:
        model["sha256"] = "d" * 64
    return new


def lower(new: dict[str, Any], by: float, pictures: int) -> None:
    for image in new["models"][1]["images"][:pictures]:
        image["oks_vs_truth"] -= by


def test_accuracy_by_picture() -> None:
    new = record()
    lower(new, 0.02, PICTURES)
    found = against(new)
    assert found.verdict == "failed"
    [why] = found.regressions
    assert "oks_vs_truth went from 0.7050 to 0.6850 OKS; allowed is 0.005 OKS less" in why
    assert judged(against(new, oks_vs_truth=0.03), "n6")["oks_vs_truth"].outcome == "worse"


def test_one_picture_of_another_network_that_falls_is_unclear_and_says_what_would_help() -> None:
    new = another_network(record())
    lower(new, 0.4, 1)
    found = judged(against(new), "n6")["oks_vs_truth"]
    assert found.outcome == "unclear"
    assert found.low < found.change < found.high
    assert "use more pictures or repeats" in found.said
    assert (against(new).verdict, against(new).closed) == ("unclear", True)
    [why] = against(new).unclear
    assert why.startswith("stick_heatmaps_64 on n6: oks_vs_truth went from 0.7050 to 0.6850 OKS")


def test_pictures_without_labels_leave_accuracy_to_the_golden() -> None:
    base, new = record(), record()
    for made in (base, new):
        for model in made["models"]:
            for image in model["images"]:
                image["keypoints_truth"] = image["oks_vs_truth"] = None
    found = judged(compare(runs_of([base]), run_of(new), Limits(), "base"), "n6")
    assert "oks_vs_truth" not in found
    assert found["oks_vs_golden"].outcome == "same"


def test_several_persons_are_judged_by_map() -> None:
    base, new = record(), record()
    for made, oks in ((base, 0.9), (new, 0.3)):
        for image in made["models"][0]["images"]:
            image["matches"] = {"scores": [0.9, 0.4], "oks": [oks, 0.0], "targets": 1}
        made["models"][0]["images"][0]["matches"] = None  # a picture without labels
    found = judged(compare(runs_of([base]), run_of(new), Limits(), "base"), "qemu-m55")["map50_vs_truth"]
    assert (found.outcome, found.base, found.new, found.n) == ("regression", 1, 0, PICTURES - 1)
    found = judged(compare(runs_of([base]), run_of(another_network(new)), Limits(), "base"), "qemu-m55")[
        "map50_vs_truth"
    ]
    assert (found.outcome, found.n) == ("regression", PICTURES - 1)
    assert found.p is not None


def test_without_timings_there_is_no_latency() -> None:
    base, new = record(), record()
    for made in (base, new):
        for model in made["models"]:
            model["latency"] = None
            for image in model["images"]:
                image["timing"] = None
    found = judged(compare(runs_of([base]), run_of(new), Limits(), "base"), "n6")
    assert not {name for name in found if name.startswith("latency")}


# --- twins ---


def of_twin(made: dict[str, Any], kernels: str = "mve") -> dict[str, Any]:
    """The run of the real board as its twin would have made it under the board's name."""
    made["boards"][1] |= {"kind": "virtual"}
    made["boards"][1]["firmware"]["kernels"] = kernels
    model = made["models"][1]
    model["latency"] = None
    for image in model["images"]:
        image["timing"] |= {"source": "twin", "unit": "ticks", "values": []}
    return made


def of_board(made: dict[str, Any]) -> dict[str, Any]:
    made["boards"][1]["firmware"]["kernels"] = "mve"
    return made


TWIN_PAIRS = {
    "both runs are": (of_twin, of_twin),
    "the baseline is": (of_twin, of_board),
    "the run is": (of_board, of_twin),
}


@pytest.mark.parametrize("whose", TWIN_PAIRS)
def test_a_twins_time_is_none_and_all_else_is_a_fact(whose: str) -> None:
    """Also against a run on hardware: the limit alone decides, without a question of chance."""
    before, after = TWIN_PAIRS[whose]
    base, new = before(record()), after(record())
    found = compare(runs_of([base]), run_of(new), Limits(), "base")
    [model] = [each for each in found.models if each.board == "n6"]
    assert (found.verdict, model.refusals) == ("passed", ())
    told = [note for note in model.notes if "twin" in note]
    assert told == [f"{whose} of a twin, whose time is none: no latency is compared"]
    timed = {"latency_p50", "latency_p95"}
    assert set(judged(found, "n6")) == {metric.name for metric in METRICS} - {"map50_vs_truth"} - timed

    tensor = new["models"][1]["images"][3]["tensors"][0]
    tensor["differing"] = tensor["max_lsb"] = 1
    lower(new, 0.02, 20)
    metrics = judged(compare(runs_of([base]), run_of(new), Limits(), "base"), "n6")
    worse = {name: metric.p for name, metric in metrics.items() if metric.outcome == "regression"}
    assert worse == {"tensor_differing": None, "tensor_lsb": None, "oks_vs_truth": None}  # no chance in it


@pytest.mark.parametrize("turned", [False, True])
def test_the_image_of_a_twin_with_other_kernels_is_not_weighed(turned: bool) -> None:
    pair = [of_twin(record(), "dsp"), of_board(record())]
    pair[1]["boards"][1]["firmware"]["flash_bytes"] *= 3
    base, new = reversed(pair) if turned else pair
    found = compare(runs_of([base]), run_of(new), Limits(), "base")
    [model] = [each for each in found.models if each.board == "n6"]
    assert found.verdict == "passed"
    assert "a twin with other kernels than its board's has another image: its sizes are not compared" in model.notes
    assert not {metric.name for metric in model.metrics if metric.name.startswith("firmware")}
    assert {"activation_kib", "weights_kib"} <= {metric.name for metric in model.metrics}


def test_the_image_of_a_twin_with_its_boards_kernels_is_weighed() -> None:
    base, new = of_twin(record()), of_board(record())
    new["boards"][1]["firmware"]["flash_bytes"] *= 3
    found = judged(compare(runs_of([base]), run_of(new), Limits(), "base"), "n6")
    assert found["firmware_flash_kib"].outcome == "regression"


def test_an_emulator_is_no_twin() -> None:
    base = record()
    base["boards"][1]["kind"] = "virtual"
    found = compare(runs_of([base]), run_of(record()), Limits(), "base")
    assert found.verdict == "blocked"
    assert "n6: the board kind was virtual and is hardware" in found.all_refusals[0]


def test_what_else_differs_is_noted() -> None:
    base, new = record(), record()
    base["verdict"] = "failed"
    new["boards"][1]["firmware"]["sha256"] = "9" * 64
    new["models"][1]["images"][0]["timing"]["values"][0] = 5_000_000
    [notes] = [
        model.notes for model in compare(runs_of([base]), run_of(new), Limits(), "base").models if model.board == "n6"
    ]
    assert "other firmware: cdcdcdcdcdcd, now 999999999999" in notes
    assert "the baseline is of a run that failed" in notes
    assert "1 of 200 timings of the run are outliers; they count like the others" in notes


def test_the_first_of_several_baselines_counts() -> None:
    older = record()
    older["models"][0]["latency"]["p50"] -= 1_000_000
    assert compare(runs_of([record(), older]), run_of(record()), Limits(), "folder").verdict == "passed"
    assert compare(runs_of([older, record()]), run_of(record()), Limits(), "folder").verdict == "failed"


def test_of_two_networks_of_one_name_the_same_file_counts() -> None:
    base, new = record(), record()
    second = copy.deepcopy(base["models"][0])
    second["sha256"], second["latency"]["p50"] = "e" * 64, 1
    base["models"].insert(0, second)
    assert compare(runs_of([base]), run_of(new), Limits(), "base").verdict == "passed"
    new["models"][0]["sha256"] = "d" * 64  # a new version: the first
    assert compare(runs_of([base]), run_of(new), Limits(), "base").verdict == "failed"


# --- as record and text ---


def test_the_comparison_fits_the_record_and_is_shown() -> None:
    from pytest_stm32pose.record.read import record_schema

    new = record()
    lower(new, 0.02, PICTURES)
    new["models"][0]["plan"] = "plain"
    comparison = against(new).entry
    schema = record_schema()
    assert (
        first_error(comparison.to_json(), {**schema["properties"]["comparison"], "$defs": schema.get("$defs", {})})
        is None
    )
    text = "\n".join(terminal_lines(comparison))
    assert "REGRESSION" in text
    assert "not compared: stick_heatmaps_64 on qemu-m55: the plan was small and is plain" in text
    shown = "\n".join(markdown(comparison, lambda cell: cell.replace("|", "\\|")))
    assert "| REGRESSION | stick_heatmaps_64 | n6 | oks_vs_truth | 0.7050 | 0.6850 OKS |" in shown


# --- facts and samples ---


def of_n6(made: dict[str, Any], pictures: int) -> dict[str, Any]:
    """The run on the real board alone, with fewer pictures."""
    made["boards"], made["models"] = made["boards"][1:], made["models"][1:]
    del made["models"][0]["images"][pictures:]
    return made


def scaled(key: str, times: float) -> Change:
    def change(new: dict[str, Any]) -> None:
        for image in new["models"][0]["images"]:
            image[key] *= times

    return change


def error(by_px: float) -> Change:
    def change(new: dict[str, Any]) -> None:
        for image in new["models"][0]["images"]:
            image["keypoint_error_px"] = {"mean": by_px, "max": by_px}

    return change


def tensor(key: str, value: int) -> Change:
    def change(new: dict[str, Any]) -> None:
        new["models"][0]["images"][-1]["tensors"][1][key] = value

    return change


LOSSES = [
    pytest.param(scaled("oks_vs_truth", 0.8), "oks_vs_truth", id="oks against truth times 0.8"),
    pytest.param(scaled("oks_vs_golden", 0.72), "oks_vs_golden", id="oks against golden from 1 to 0.72"),
    pytest.param(scaled("oks_vs_golden", 0.9989), "oks_vs_golden", id="a hair beyond the limit"),
    pytest.param(error(0.1001), "keypoint_error_px", id="keypoints"),
    pytest.param(tensor("differing", 1), "tensor_differing", id="one element of one picture"),
    pytest.param(tensor("max_lsb", 1), "tensor_lsb", id="by how much"),
]


@pytest.mark.parametrize("pictures", [1, 2, 8, 500])
@pytest.mark.parametrize(("loss", "metric"), LOSSES)
def test_of_the_same_network_on_the_same_bytes_the_limit_alone_decides(
    loss: Change, metric: str, pictures: int
) -> None:
    base, new = of_n6(many(pictures), pictures), of_n6(many(pictures), pictures)
    loss(new)
    found = compare(runs_of([base]), run_of(new), Limits(), "base")
    assert found.verdict == "failed"
    [worse] = [each for each in found.models[0].metrics if each.outcome == "regression"]
    assert (worse.name, worse.p, worse.low, worse.high) == (metric, None, worse.change, worse.change)
    better = compare(runs_of([new]), run_of(base), Limits(), "base")
    assert better.verdict == "passed"


def many(pictures: int) -> dict[str, Any]:
    """As record(), with that many pictures at least."""
    made = record()
    for model in made["models"]:
        for number in range(PICTURES, pictures):
            image = copy.deepcopy(model["images"][number % PICTURES])
            image["id"], image["sha256"] = f"copy-{number:03}.png", f"{number:064x}"
            model["images"].append(image)
    return made


def test_exactly_what_is_allowed_is_kept_whatever_a_sum_of_floats_says() -> None:
    base, new = record(), record()
    for made, oks in ((base, 0.8), (new, 0.795)):
        for image in made["models"][1]["images"]:
            image["oks_vs_truth"] = oks
    assert 0.8 - 0.795 > 0.005, "as floats"
    assert judged(compare(runs_of([base]), run_of(new), Limits(), "base"), "n6")["oks_vs_truth"].outcome == "worse"


def unknown_bytes(new: dict[str, Any]) -> None:
    for model in new["models"]:
        model["images"][4]["input_crc32"] = None


def no_bytes(new: dict[str, Any]) -> None:
    for model in new["models"]:
        for image in model["images"]:
            del image["input_crc32"]


def unsteady(new: dict[str, Any]) -> None:
    for model in new["models"]:
        model["images"][0]["deterministic"] = False


@pytest.mark.parametrize(
    ("why", "words"),
    [
        (unknown_bytes, "the input bytes of every picture are not known in both records"),
        (no_bytes, "the input bytes of every picture are not known in both records"),
        (unsteady, "the device of the run is not deterministic: other answers to the same input (picture-000.png)"),
    ],
)
def test_what_is_no_fact_is_judged_as_a_sample_and_says_so(why: Change, words: str) -> None:
    new = record()
    why(new)
    lower(new, 0.4, 1)
    found = against(new)
    assert judged(found, "n6")["oks_vs_truth"].outcome == "unclear"
    assert all(f"{words}; accuracy is judged as that of a sample" in model.notes for model in found.models)
    assert against(record()).models[1].notes == ()


def test_bytes_that_are_known_of_some_pictures_must_be_equal() -> None:
    new = record()
    unknown_bytes(new)
    new["models"][1]["images"][2]["input_crc32"] = 999
    assert against(new).all_refusals == [
        "stick_heatmaps_64 on n6: the input bytes of the run differ: 1 changed (picture-002.png)"
    ]


def test_tensors_of_a_device_that_is_not_deterministic_are_a_sample() -> None:
    new = record()
    unsteady(new)
    tensor("differing", 3)(new)
    tensor("max_lsb", 2)(new)
    found = judged(against(new), "qemu-m55")
    assert (found["tensor_differing"].outcome, found["tensor_lsb"].outcome) == ("unclear", "unclear")
    assert found["tensor_differing"].change == 3
    assert (found["tensor_lsb"].new, found["tensor_lsb"].low, found["tensor_lsb"].high) == (2, 0, 2)
    for image in new["models"][0]["images"]:
        image["tensors"][1]["differing"] = 3
    assert judged(against(new), "qemu-m55")["tensor_differing"].outcome == "regression"


def test_a_device_that_is_not_deterministic_is_told_of_another_network_as_well() -> None:
    new = another_network(record())
    unsteady(new)
    assert any("the device of the run is not deterministic" in note for note in against(new).models[0].notes)


def test_a_board_that_was_asked_once_only_is_told() -> None:
    new = record()
    for image in new["models"][1]["images"]:
        image["deterministic"] = None
    [note] = against(new).models[1].notes
    assert note.startswith("whether the device answers the same when asked again was not measured")


@pytest.mark.parametrize(
    ("means", "closed", "latency_closed"), [(None, True, False), ("fail", True, True), ("pass", False, False)]
)
def test_what_unclear_means(means: Any, closed: bool, latency_closed: bool) -> None:
    falls = another_network(record())
    lower(falls, 0.4, 1)
    steady, slower = of_n6(record(), 8), of_n6(record(), 8)
    for made, late in ((steady, 0), (slower, 5)):  # five of eight: the median moves, and chance explains it
        for number, image in enumerate(made["models"][0]["images"]):
            image["timing"]["values"] = [1_000_000 + number + 20_000 * (number < late)] * 10
    limits = Limits(parse_limits({"latency_p95": "9 %"}, "test"))
    for base, new, closes in ((record(), falls, closed), (steady, slower, latency_closed)):
        found = compare(runs_of([base]), run_of(new), limits, "base", unclear=means)
        assert (found.verdict, found.closed) == ("unclear", closes)
        assert bool(found.unclear) == closes
        text = "\n".join(terminal_lines(found.entry))
        assert "unclear  stick_heatmaps_64  n6" in text
        assert text.endswith("unclear" if closes else "unclear, which the gate lets pass")
        assert "| unclear | stick" in "\n".join(markdown(found.entry, str))


# --- what is missing, and what is infinite ---


def test_a_network_that_the_run_lacks_is_missed() -> None:
    new = record()
    del new["models"][0]
    found = against(new)
    assert found.verdict == "blocked"
    assert found.all_refusals == ["stick_heatmaps_64 on qemu-m55: the baseline has it and the run has not"]


def test_a_board_without_figures_that_the_run_lacks_is_missed() -> None:
    base, new = of_n6(record(), PICTURES), of_n6(record(), PICTURES)
    base["boards"].append({**base["boards"][0], "name": "h7"})
    found = compare(runs_of([base]), run_of(new), Limits(), "base")
    assert found.all_refusals == ["the baseline has the board h7 and the run has not"]


def test_of_a_folder_what_the_run_was_about_is_missed_and_the_rest_named() -> None:
    new = of_n6(record(), PICTURES)
    for boards, verdict in ((frozenset({"n6"}), "passed"), (frozenset({"n6", "qemu-m55"}), "blocked")):
        found = compare(
            runs_of([record()]), run_of(new), Limits(), "folder", scope=Scope(boards, frozenset({"stick_heatmaps_64"}))
        )
        assert found.verdict == verdict
        named = "not asked of this run: stick_heatmaps_64 on qemu-m55" in "\n".join(terminal_lines(found.entry))
        assert named == (verdict == "passed")
    found = compare(
        runs_of([record()]), run_of(new), Limits(), "folder", scope=Scope(frozenset({"n6", "qemu-m55"}), frozenset())
    )
    assert found.verdict == "passed"


def lost_person(new: dict[str, Any]) -> None:
    """One of the pictures: nobody was found where the golden has a person."""
    image = new["models"][1]["images"][0]
    image["oks_vs_golden"], image["keypoint_error_px"] = 0.0, {"mean": None, "max": None}
    image["keypoints_device"] = []


def nonsense(new: dict[str, Any]) -> None:
    new["models"][1]["images"][0]["tensors"][1].update(differing=7, max_lsb=None)


def null(new: dict[str, Any]) -> None:
    """Nothing is said to differ, and the figure that would show it is gone."""
    new["models"][1]["images"][0]["tensors"][1].update(max_lsb=None)


@pytest.mark.parametrize("same_network", [True, False])
@pytest.mark.parametrize(
    ("change", "metric"),
    [(lost_person, "keypoint_error_px"), (nonsense, "tensor_lsb"), (null, "tensor_lsb")],
    ids=["person", "nonsense", "null"],
)
def test_what_was_finite_and_is_infinite_is_a_regression(change: Change, metric: str, same_network: bool) -> None:
    new = record() if same_network else another_network(record())
    change(new)
    found = against(new)
    assert found.verdict == "failed"
    worse = judged(found, "n6")[metric]
    assert (worse.outcome, worse.infinite, worse.n, worse.change) == ("regression", 1, PICTURES - 1, 0)
    assert any(f"{metric} was finite and is infinite" in why for why in found.regressions)
    assert any("(picture-000.png)" in why for why in found.regressions)
    assert "infinite in 1 of 20, else 0" in "\n".join(terminal_lines(found.entry))
    back = compare(runs_of([new]), run_of(record()), Limits(), "base")  # the other way round it is better, and a note
    assert not back.regressions
    assert any(f"{metric} was infinite and is finite of 1 of 20 pictures" in note for note in back.models[1].notes)
    both = compare(runs_of([new]), run_of(copy.deepcopy(new)), Limits(), "base")
    assert both.verdict == "passed"
    assert any(f"{metric} is infinite, as it was, of 1 of 20 pictures" in note for note in both.models[1].notes)


def test_infinite_in_every_picture() -> None:
    new = of_n6(record(), 1)
    new["models"][0]["images"][0]["keypoint_error_px"] = {"mean": None, "max": None}
    found = compare(runs_of([of_n6(record(), 1)]), run_of(new), Limits(), "base")
    worse = judged(found, "n6")["keypoint_error_px"]
    assert (worse.outcome, worse.infinite, worse.n) == ("regression", 1, 0)
    assert "infinite in 1 of 1" in "\n".join(terminal_lines(found.entry))


def picture(**values: Any) -> Change:
    return lambda new: new["models"][1]["images"][3].update(values)


def entry(key: str, value: Any) -> Change:
    return lambda new: new["models"][1].__setitem__(key, value)


def summary(key: str) -> Change:
    return lambda new: new["models"][1]["accuracy"].__setitem__(key, None)


def firmware(key: str) -> Change:
    return lambda new: new["boards"][1]["firmware"].__setitem__(key, None)


def untested(new: dict[str, Any]) -> None:
    new["models"][1]["latency"] = None
    for image in new["models"][1]["images"]:
        image["timing"] = None


ERROR = {"mean": None, "max": None}
ONE = " of 1 of 20 pictures (picture-003.png)"
MISSING = [
    (picture(oks_vs_truth=None), "oks_vs_truth", ONE),
    (picture(oks_vs_golden=None), "oks_vs_golden", ONE),
    (picture(keypoint_error_px=ERROR, keypoints_device=None), "keypoint_error_px", ONE),
    (picture(tensors=[]), "tensor_differing", ONE),
    (picture(tensors=[]), "tensor_lsb", ONE),
    (summary("oks_vs_truth"), "oks_vs_truth", ""),
    (entry("latency", None), "latency_p50", ""),
    (untested, "latency_p95", ""),
    (entry("activation_bytes", 0), "activation_kib", ""),
    (entry("weights_bytes", 0), "weights_kib", ""),
    (firmware("flash_bytes"), "firmware_flash_kib", ""),
    (firmware("ram_bytes"), "firmware_ram_kib", ""),
]


@pytest.mark.parametrize(("change", "metric", "of"), MISSING)
def test_what_the_run_lacks_is_refused_by_name_and_the_reverse_a_note(change: Change, metric: str, of: str) -> None:
    new = record()
    change(new)
    found = against(new)
    assert found.verdict == "blocked"
    assert f"{metric} was measured in the baseline and not in the run{of}" in found.models[1].refusals
    back = compare(runs_of([new]), run_of(record()), Limits(), "base")
    assert back.verdict == "passed"
    if change.__qualname__.startswith("summary"):
        return  # its pictures have it
    assert f"{metric} was not measured in the baseline{of}" in back.models[1].notes


@pytest.mark.parametrize("of", ["matches", "summary"])
def test_a_map_that_the_run_lacks_is_refused(of: str) -> None:
    base, new = record(), record()
    for made in (base, new):
        made["models"][0]["accuracy"]["map50_vs_truth"] = 1.0
        for image in made["models"][0]["images"]:
            image["matches"] = {"scores": [0.9], "oks": [0.9], "targets": 1}
    if of == "matches":
        new["models"][0]["images"][2]["matches"] = None
    else:
        new["models"][0]["accuracy"]["map50_vs_truth"] = None
    [why] = compare(runs_of([base]), run_of(new), Limits(), "base").all_refusals
    assert "map50_vs_truth was measured in the baseline and not in the run" in why
    assert compare(runs_of([new]), run_of(base), Limits(), "base").verdict == "passed"


def test_fewer_elements_compared_are_no_better_figure() -> None:
    new = record()
    del new["models"][1]["images"][0]["tensors"][1]
    [why] = against(new).all_refusals
    assert "fewer elements of the output tensors were compared of 1 of 20 pictures (picture-000.png)" in why


def test_no_tensors_in_either_run_is_told() -> None:
    base, new = record(), record()
    for made in (base, new):
        for image in made["models"][1]["images"]:
            image["tensors"] = []
    found = compare(runs_of([base]), run_of(new), Limits(), "base")
    assert found.verdict == "passed"
    assert "no output tensors were compared, in neither run" in found.models[1].notes


@pytest.mark.parametrize("own", ["failed", "blocked"])
def test_a_run_that_did_not_pass_itself_is_not_green(own: str) -> None:
    new = {**record(), "verdict": own, "reasons": ["test_x: 3 elements differ"]}
    found = against(new)
    assert (found.verdict, found.closed, found.all_refusals, found.regressions) == (own, True, [], [])
    assert f"  the run itself {own}: test_x: 3 elements differ" in terminal_lines(found.entry)
