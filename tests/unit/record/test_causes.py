"""Failures of one cause are told once: each in one group, counts that add up, the worst first, nothing hidden."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_stm32pose.judge.budget import BudgetResult
from pytest_stm32pose.measure.divergence import Divergence
from pytest_stm32pose.metrics.tensors import few_channels
from pytest_stm32pose.record.causes import (
    MIN_ALIKE,
    causes,
    grouped,
    split,
    terminal_lines,
    ungrouped,
)
from pytest_stm32pose.record.divergences import divergences, severity
from pytest_stm32pose.record.read import record_schema
from pytest_stm32pose.record.summarise import verdict_sentence
from pytest_stm32pose.record.verdict import combine_verdicts
from pytest_stm32pose.report.html import summary_html
from pytest_stm32pose.tell.code_quality import MAX_ANNOTATIONS, code_quality, github_annotations
from pytest_stm32pose.tell.markdown import markdown_summary
from pytest_stm32pose.tell.terminal import summary_lines
from tests.support import report_sample as sample
from tests.support.html_tokens import Tokens
from tests.support.records import document_of, merged, model_of, picture_of, read, run_of

BOARD, MODEL = "qemu-m55", "stick"
ELEMENTS = 24 * 24 * 36


def apart(
    stage: str = "operator", op_index: int = 55, lsb: int | None = 91, channels: tuple[int, ...] = (319,), **more: Any
) -> dict[str, Any]:
    """`first_divergence` of a record."""
    where = {"counts": [[1]], "height": 24, "width": 24, "channels": [[channel, 3] for channel in channels]}
    found = {"stage": stage, "op_index": op_index, "op_name": "CONV_2D", "tensor": 7, "elements": ELEMENTS}
    return {**found, "differing": 12, "max_lsb": lsb, "detail": "", "where": where if channels else None, **more}


def picture(name: str, found: dict[str, Any] | None, error_px: float | None = 1.0) -> dict[str, Any]:
    """An `images` entry; its sentence is made as the record's is."""
    sentence = f"First divergence: operator {found['op_index']} of {name}." if found else None
    error = {"mean": 0.1, "max": error_px}
    return {"id": name, "first_divergence": found, "divergence": sentence, "keypoint_error_px": error, "tensors": []}


def failure(image: dict[str, Any], board: str = BOARD) -> str:
    """As the suite says it."""
    said = f"{image['id']} on {board}: tensor_lsb_max is broken: 5 LSB, allowed is at most 0. {image['divergence']}"
    return f"suite/test_3.py::test_picture[{board}-default-{image['id']}]: {said}"


def run(images: list[dict[str, Any]], *more: str, verdict: str = "failed") -> dict[str, Any]:
    model = {"board": BOARD, "name": MODEL, "images": images}
    reasons = [failure(image) for image in images if image["first_divergence"]]
    return {"verdict": verdict, "models": [model], "reasons": [*reasons, *more]}


def flipped_weight() -> dict[str, Any]:
    """The run that the grouping was made for: eight pictures, one channel of one operator."""
    lsb = [52, 60, 57, 49, 50, 51, 159, 58]
    return run([picture(f"p{number}", apart(lsb=each)) for number, each in enumerate(lsb)])


# --- what is said ---


def test_a_flipped_weight_is_one_line_then_the_worst_picture() -> None:
    found = flipped_weight()
    [cause] = causes(run_of(found))
    assert cause.text == "8 of 8 pictures: first divergence operator 55 CONV_2D, channel 319 only (max 159 LSB)"
    assert cause.pictures[0] == "p6"
    line, worst, more = terminal_lines([cause], 20)
    assert line == f"  {MODEL} on {BOARD}: {cause.text}"
    assert worst == f"    worst: {failure(found['models'][0]['images'][6])}"
    assert more == "    and 7 more, which the record has"


def test_the_record_tells_the_cause_the_worst_and_keeps_all() -> None:
    found = document_of(grouped(run_of(flipped_weight())))
    assert len(found["reasons"]) == 2
    assert found["reasons"][0].endswith("(max 159 LSB)")
    assert found["reasons"][1].startswith("suite/test_3.py::test_picture[qemu-m55-default-p6]: p6 on qemu-m55: ")
    [cause] = found["causes"]
    assert cause["text"] == found["reasons"][0]
    assert (cause["of"], len(cause["pictures"]), len(cause["reasons"])) == (8, 8, 8)
    assert sorted(ungrouped(run_of(found))) == sorted(flipped_weight()["reasons"])


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (apart(channels=()), "operator 55 CONV_2D (max 91 LSB)"),
        (apart(channels=(1, 5)), "operator 55 CONV_2D, channels 1, 5 only (max 91 LSB)"),
        (apart(channels=(1, 2, 3, 4)), "operator 55 CONV_2D (max 91 LSB)"),
        (apart(elements=24 * 24), "operator 55 CONV_2D (max 91 LSB)"),
        (apart(lsb=None), "operator 55 CONV_2D, channel 319 only"),
        (apart(op_name=""), "operator 55, channel 319 only (max 91 LSB)"),
        (apart("output"), "output tensor 7, channel 319 only (max 91 LSB)"),
        (apart("input", -1), "input tensor 7, channel 319 only (max 91 LSB)"),
        (apart("output", channels=(), keypoints_equal=True), "output tensor 7 (max 91 LSB); the keypoints are equal"),
        (apart("preprocessing", -1, None, ()), "preprocessing, the device was given other input bytes than the golden"),
        (apart("decode", -1, None, (), differing=2, elements=13),
         "decode, the output tensors are equal but 2 of 13 keypoints differ"),
        (apart("keypoints", -1, None, (), differing=2, elements=13), "keypoints, 2 of 13 keypoints differ"),
    ],
)  # fmt: skip
def test_every_stage_has_its_words(found: dict[str, Any], said: str) -> None:
    [cause] = divergences(model_of({"images": [picture("a", found), picture("b", None)]}))
    assert cause.text == f"1 of 2 pictures: first divergence {said}"


def test_channels_are_those_of_all_pictures() -> None:
    images = [picture("a", apart(channels=(4,))), picture("b", apart(channels=(9,)))]
    assert "channels 4, 9 only" in divergences(model_of({"images": images}))[0].text
    images += [picture("c", apart(channels=(2,))), picture("d", apart(channels=(3,)))]
    assert "only" not in divergences(model_of({"images": images}))[0].text, "many channels are no clue"
    assert "only" not in divergences(model_of({"images": [images[0], picture("e", apart(channels=()))]}))[0].text


def test_few_channels_are_few_of_more() -> None:
    assert few_channels([30], 4, 8) == (30,)
    assert few_channels([3, 1, 2], 4, 16) == (1, 2, 3)
    assert few_channels([1], 4, 4) == few_channels([1, 2, 3, 4], 1, 100) == few_channels([], 1, 100) == ()


def test_an_operator_that_another_plan_found_takes_in_what_the_plan_that_runs_shows() -> None:
    located = apart(op_index=13, lsb=1, channels=(1,), tensor=91, seen_at=15)
    shown = apart(
        op_index=15, lsb=4, channels=(2,), tensor=93, detail="before it, and not seen in this plan: 13 CONV_2D"
    )
    [cause] = divergences(model_of({"images": [picture("a", shown), picture("b", located), picture("c", shown)]}))
    assert cause.text.startswith(
        "3 of 3 pictures: first divergence operator 13 CONV_2D, channel 1 only (max 1 LSB), found"
    )
    assert "in 1 of them with every tensor kept; the plan that runs shows 15 CONV_2D (before it" in cause.text
    assert cause.pictures[0] == "b"


def test_stale_answers_are_counted() -> None:
    stale = apart("output", detail="a stale answer: the output is that of a")
    [cause] = divergences(
        model_of({"images": [picture("a", apart("output")), picture("b", stale), picture("c", stale)]})
    )
    assert cause.text.endswith("; a stale answer in 2")


def test_pictures_that_alone_break_a_budget_are_one_cause_with_the_worst_figure() -> None:
    images = [picture(name, None) for name in "abc"]
    reasons = [
        f"t.py::test_picture[{name}]: {name} on {BOARD}: oks_vs_truth_min is broken: {oks} oks, at least 0.8."
        for name, oks in (("a", 0.7), ("b", 0.41), ("c", 0.6))
    ]
    [cause] = causes(run_of(run(images, *reasons)))
    assert cause.text == "3 of 3 pictures: oks_vs_truth_min is broken (at worst 0.41)"
    assert (cause.pictures, cause.example) == (("b", "c", "a"), reasons[1])
    [alone] = causes(run_of(run(images, reasons[0])))
    assert (alone.line, alone.rest) == (reasons[0], ())


def test_another_budget_than_the_answers_is_not_blamed_on_the_divergence() -> None:
    """Never the wrong one blamed: slow is not explained by a tensor that is one LSB off."""
    apart = Divergence("output", tensor=3, elements=2, differing=1, max_lsb=1).describe()
    slow = BudgetResult("cycles_p95_max", 5.0, 9.0, "cycles", False)
    wrong = BudgetResult("tensor_lsb_max", 0.0, 1.0, "LSB", False)
    said = verdict_sentence("a on b", apart, [slow])
    assert "First divergence" not in said
    assert said == f"a on b: {slow.describe()}"
    both = verdict_sentence("a on b", apart, [slow, wrong])
    assert both == f"a on b: {slow.describe()} Broken too: tensor_lsb_max (1). {apart}"
    assert verdict_sentence("a on b", apart, []) == ""


def test_sentences_that_differ_in_figures_only_are_one() -> None:
    stale = [
        f"The device gave a stale answer: the result is for CRC 0x{n:08x}, asked was 0x{n + 1:08x}." for n in range(9)
    ]
    [cause] = causes(run_of(run([], *stale, verdict="blocked")))
    assert cause.line == f"9 failures that differ in figures only, the first: {stale[0]}"
    assert terminal_lines([cause], 20)[1:] == ["    and 8 more, which the record has"]
    assert len(causes(run_of(run([], *stale[: MIN_ALIKE - 1])))) == MIN_ALIKE - 1
    boards = [f"the test of the board qemu-m{n} was not what it should be" for n in (33, 55, 7)]
    assert len(causes(run_of(run([], *boards)))) == 3, "digits of a name are no figures"


@pytest.mark.parametrize("verdict", ["failed", "blocked"])
def test_a_regression_is_never_below_what_a_list_leaves_out(verdict: str) -> None:
    noise = [f"test_{chr(97 + n % 26)}{n}.py::test: it failed" for n in range(600)]
    worse = [f"regression: stick on qemu-m55: latency_p50 went from {n} to 9; allowed is 1 % more" for n in range(5)]
    found = {**sample.record(), **run(flipped_weight()["models"][0]["images"], verdict=verdict)}
    found["models"] = []
    found["reasons"] = [*noise, *worse]
    first = [cause.line for cause in causes(run_of(found))][:6]
    assert first[:5] == worse if verdict == "failed" else first == [noise[0], *worse]
    for text in (
        "\n".join(summary_lines(run_of(found))),
        markdown_summary(run_of(found)),
        Tokens(summary_html(run_of(found))).text,
    ):
        assert all(each.replace("_", r"\_") in text or each in text for each in worse)
    folded = summary_html(run_of(found)).index("<details")
    assert all(summary_html(run_of(found)).index(each) < folded for each in worse)
    annotated = "\n".join(github_annotations(run_of(found), lambda file: None))
    assert annotated.count("regression: ") == 5
    assert annotated.count("\n") == MAX_ANNOTATIONS - 1
    verdict_of, reasons = combine_verdicts([("failed", each) for each in (*noise, *worse)])
    assert (verdict_of, reasons[:5]) == ("failed", worse)


def test_what_explains_a_run_comes_in_the_order_of_its_reasons() -> None:
    """The board that runs another network is told before what that network computes."""
    found = flipped_weight()
    identity = "suite/test_2.py::test_identity: the board runs the network of another file"
    found["reasons"] = [identity, *found["reasons"], "suite/test_6.py::test_budgets: too big"]
    assert [cause.kind for cause in causes(run_of(found))] == ["reason", "divergence", "reason"]


def test_two_networks_on_one_board_and_one_on_two_are_told_apart() -> None:
    images = [picture("a", apart()), picture("b", apart())]
    models = [{"board": board, "name": name, "images": images} for board in ("x1", "x11") for name in ("n", "n2")]
    reasons = [
        f"t.py::test_picture[{each['board']}-{each['name']}-{image['id']}]: {image['id']} on {each['board']}: "
        f"{image['divergence']}"
        for each in models
        for image in images
    ]
    found = causes(run_of({"verdict": "failed", "models": models, "reasons": reasons}))
    assert [(cause.board, cause.model, len(cause.reasons)) for cause in found] == [
        ("x1", "n", 2),
        ("x1", "n2", 2),
        ("x11", "n", 2),
        ("x11", "n2", 2),
    ]


# --- where it is said ---


def sample_run() -> dict[str, Any]:
    """A whole record in which three of four pictures failed, as the suite reports them."""
    found = sample.record()
    found["models"] = found["models"][:1]
    [model] = found["models"]
    model["images"] = [
        {**image, "first_divergence": apart(op_name="CONV_2D"), "divergence": f"First divergence: {image['id']}."}
        if number
        else image
        for number, image in enumerate(model["images"])
    ]
    reasons = [failure(image) for image in model["images"][1:]]
    for key in ("zoo", "comparison"):
        del found[key]
    return document_of(grouped(run_of({**found, "reasons": reasons})))


def test_the_cause_is_said_once_everywhere() -> None:
    found = sample_run()
    jsonschema.validate(found, record_schema())
    line = "3 of 4 pictures: first divergence operator 55 CONV_2D, channel 319 only (max 91 LSB)"
    top = Tokens(summary_html(run_of(found))).text
    markdown = markdown_summary(run_of(found)).replace("\\", "")
    terminal = "\n".join(summary_lines(run_of(found)))
    for text in (top, markdown, terminal, "\n".join(found["reasons"])):
        assert text.count(line) == 1, text
    for text in (markdown, terminal, "\n".join(found["reasons"])):
        assert text.count("is broken: 5 LSB") == 1, "only the worst picture is told"
    assert top.index(line) < top.index("Networks")
    markup = summary_html(run_of(found))
    assert markup.index(line) < markup.index("2 more of this cause") < markup.index("pose-filter")
    [command] = github_annotations(run_of(found), lambda file: file)
    assert line in command
    assert "(3 failures)" in command


def test_a_cause_is_the_same_finding_with_other_figures() -> None:
    first, second = sample_run(), sample_run()
    second["models"][0]["images"][2]["first_divergence"]["max_lsb"] = 120
    second = document_of(grouped(run_of(second)))
    [one], [other] = (json.loads(code_quality(run_of(found), lambda file: file)) for found in (first, second))
    assert one["fingerprint"] == other["fingerprint"]
    assert one["description"] != other["description"]
    third = copy.deepcopy(first)
    for image in third["models"][0]["images"][1:]:
        image["first_divergence"]["op_index"] = 56
    [moved] = json.loads(code_quality(run_of(third), lambda file: file))
    assert moved["fingerprint"] != one["fingerprint"]


def test_workers_that_share_the_pictures_have_one_cause() -> None:
    whole = sample_run()
    parts = []
    for at in (0, 1):
        part = copy.deepcopy(whole)
        part["models"][0]["images"] = whole["models"][0]["images"][at::2]
        part["reasons"] = [failure(each) for each in part["models"][0]["images"] if each["first_divergence"]]
        del part["causes"]
        parts.append(part)
    found = merged(parts)
    jsonschema.validate(found, record_schema())
    assert [reason for reason in found["reasons"] if "pictures: " in reason] == [
        f"stick_heatmaps_64 on {BOARD}: 3 of 4 pictures: first divergence operator 55 CONV_2D, channel 319 only "
        "(max 91 LSB)"
    ]
    assert sorted(ungrouped(run_of(found))) == sorted(ungrouped(run_of(whole)))


# --- properties ---

FOUND = st.one_of(
    st.none(),
    st.builds(
        apart,
        st.sampled_from(["operator", "output", "input", "decode", "preprocessing", "keypoints"]),
        st.integers(-1, 4),
        st.one_of(st.none(), st.integers(0, 255)),
        st.lists(st.integers(0, 40), max_size=5, unique=True).map(tuple),
        seen_at=st.one_of(st.none(), st.integers(0, 4)),
        differing=st.one_of(st.none(), st.integers(0, 99)),
        detail=st.sampled_from(["", "a stale answer: the output is that of p0"]),
    ),
)
ERRORS = st.one_of(st.none(), st.floats(0, 1e6))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(FOUND, ERRORS), max_size=12), st.lists(st.sampled_from("uvw"), max_size=4))
def test_every_failing_picture_and_every_reason_is_in_exactly_one_cause(
    given_pictures: list[tuple[dict[str, Any] | None, float | None]], others: list[str]
) -> None:
    images = [picture(f"p{number}", *each) for number, each in enumerate(given_pictures)]
    found = run(images, *(f"t.py::test_{each}: {each}" for each in others))
    by_place = divergences(model_of(found["models"][0]))
    failing = [image["id"] for image in images if image["first_divergence"]]
    assert sorted(name for cause in by_place for name in cause.pictures) == sorted(failing)
    for cause in by_place:
        counted = re.match(r"(\d+) of (\d+) pictures?: ", cause.text)
        assert counted is not None
        assert (int(counted[1]), int(counted[2])) == (len(cause.pictures), len(images))
    told = causes(run_of(found))
    assert sorted(reason for cause in told for reason in cause.reasons) == sorted(set(found["reasons"]))
    assert {cause.line for cause in told if cause.kind == "divergence"} == {cause.line for cause in by_place}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(FOUND.filter(bool), ERRORS), min_size=1, max_size=12))
def test_the_worst_is_the_maximum(given_pictures: list[tuple[dict[str, Any], float | None]]) -> None:
    images = {f"p{n}": picture(f"p{n}", {**each[0], "seen_at": None}, each[1]) for n, each in enumerate(given_pictures)}
    for cause in divergences(model_of({"board": BOARD, "name": MODEL, "images": list(images.values())})):
        order = [severity(picture_of(images[name])) for name in cause.pictures]
        assert order == sorted(order, reverse=True)
        lsb = [each for name in cause.pictures if (each := images[name]["first_divergence"]["max_lsb"]) is not None]
        assert (
            (f"(max {max(lsb)} LSB)" in cause.text)
            if lsb and "LSB" in cause.text
            else not lsb or "LSB" not in cause.text
        )


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(FOUND, ERRORS), max_size=9), st.lists(st.text(max_size=9), max_size=9), st.integers(0, 5))
def test_grouping_twice_is_grouping_once_and_nothing_is_lost(
    given_pictures: list[tuple[dict[str, Any] | None, float | None]], others: list[str], most: int
) -> None:
    found = run([picture(f"p{number}", *each) for number, each in enumerate(given_pictures)], *others)
    once = grouped(run_of(found))
    assert grouped(run_of(once)) == once
    assert {each for each in ungrouped(run_of(once)) if each} == {each for each in found["reasons"] if each}
    shown, rest = split(causes(run_of(once)), most)
    assert len(shown) + len(rest) == len(causes(run_of(once)))
    assert all(cause.kind == "reason" for cause in rest)


@pytest.mark.parametrize("junk", [None, 7, "x", [], [None], [7], {}, {"counts": None}, [["a", None]], [{"text": None}]])
@pytest.mark.parametrize("place", ["causes", "models", "reasons", "images", "first_divergence", "where", "channels"])
def test_a_record_from_anywhere_is_refused_or_told(place: str, junk: Any) -> None:
    found = sample_run()
    if place in found:
        found[place] = junk if isinstance(junk, list) or junk is None else [junk]
    else:
        image = found["models"][0]["images"][1]
        owner = {"images": found["models"][0], "first_divergence": image, "where": image["first_divergence"]}
        (owner.get(place) or image["first_divergence"]["where"])[place] = (
            [junk] if place in ("images", "channels") and not isinstance(junk, list) else junk
        )
    record = read(found)
    if record is not None:
        assert isinstance(causes(record), list)
        assert isinstance(summary_html(record), str)


@pytest.mark.parametrize("piece", ["n", "a.py::", "x.py::y: ", ": ", " on qemu-m55: ", "1,", "is broken: "])
def test_a_long_reason_costs_no_square(piece: str) -> None:
    found = flipped_weight()
    found["reasons"].append("First divergence: " + piece * (1_000_000 // len(piece)))
    assert len(causes(run_of(found))) == 2
