"""The per-operator profile as pictures: bars by cost and by place, memory with its peak; described in words too."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pytest_stm32pose.record import entries as rec
from pytest_stm32pose.report import plots
from pytest_stm32pose.report.latency import latency_parts
from pytest_stm32pose.report.profile import TOP, memory_html, profile_html
from tests.support import report_sample as sample
from tests.support.html_tokens import Tokens
from tests.support.records import document_of, model_of


def model(count: int = 30) -> dict[str, Any]:
    """A network of `count` operators; number 7 is the costliest, number 12 the one with the most memory alive."""
    names = ("CONV_2D", "DEPTHWISE_CONV_2D", "ADD")
    operators = [
        rec.OperatorEntry(
            index=2 * place,
            name=names[place % 3],
            p50=1_000_000 if place == 7 else 1000 * (place + 1),
            share=0.01,
            macs=0 if place % 3 == 2 else 5000,
            per_mac=None if place % 3 == 2 else (place + 1) / 5,
            arena_bytes=300 * 1024 if place == 12 else 1024 * (place + 1),
        )
        for place in range(count)
    ]
    return {"latency": {"unit": "instructions"}, "operators": [document_of(each) for each in operators]}


def rects(markup: str) -> list[dict[str, str | None]]:
    return [attributes for name, attributes in Tokens(markup).elements if name == "rect"]


def pictures(entry: dict[str, Any]) -> list[str]:
    """The three drawings, each with what stands around it."""
    return f"{profile_html(model_of(entry)) or ''}{memory_html(model_of(entry)) or ''}".split("<h4>")[1:]


def test_the_costliest_first() -> None:
    costliest, _, _ = pictures(model())
    widths = [float(each["width"] or 0) for each in rects(costliest)]
    assert len(widths) == TOP
    assert widths == sorted(widths, reverse=True)
    labels = re.findall(r">(\d+ [A-Z_0-9]+)</text>", costliest)
    assert labels[0] == "14 DEPTHWISE_CONV_2D"
    assert "1.00 M, 1 %, 1.60/MAC" in costliest
    assert f"{TOP} of 30 operators take 20 % of all instructions" in costliest


def test_every_operator_in_execution_order() -> None:
    _, in_order, _ = pictures(model())
    drawn = rects(in_order)
    assert len(drawn) == 30
    places = [float(each["y"] or 0) for each in drawn]
    assert places == sorted(places)
    longest = max(range(30), key=lambda i: float(drawn[i]["width"] or 0))
    assert longest == 7
    assert "the longest bar is 14 DEPTHWISE_CONV_2D" in in_order
    assert [each["class"] for each in drawn[:3]] == ["pose-bar-conv", "pose-bar-depthwise", "pose-bar-other"]


def test_bars_are_proportional() -> None:
    _, in_order, _ = pictures(model())
    drawn = [float(each["width"] or 0) for each in rects(in_order)]
    assert drawn[29] / drawn[7] == pytest.approx(30_000 / 1_000_000, rel=0.02)


def test_memory_steps_and_peak() -> None:
    _, _, memory = pictures(model())
    assert "peak 300.0 KiB at operator 24 CONV_2D" in memory
    [path] = [attributes for name, attributes in Tokens(memory).elements if name == "path"]
    steps = [float(y) for y in re.findall(r"V([\d.]+)H", path["d"] or "")]
    assert len(steps) == 30
    assert steps.index(min(steps)) == 12
    [circle] = [attributes for name, attributes in Tokens(memory).elements if name == "circle"]
    assert float(circle["cy"] or 0) == min(steps)


def test_each_picture_says_in_words_what_it_shows() -> None:
    for picture in pictures(model()):
        [svg] = [attributes for name, attributes in Tokens(picture).elements if name == "svg"]
        assert svg["role"] == "img"
        assert len(svg["aria-label"] or "") > 40
        assert re.search(r"<svg[^>]*><title>[^<]+</title><desc>[^<]+</desc>", picture)


def test_everything_stays_inside_the_picture() -> None:
    """By the widest digits of the font: nothing is cut off at the right."""
    for entry in (model(3), model(300)):
        for picture in pictures(entry):
            found = re.findall(r'<text x="([\d.]+)" y="[\d.]+" class="[\w-]+" text-anchor="(\w+)">([^<]*)<', picture)
            assert found
            for x, anchor, words in found:
                width = 6.6 * len(words)
                end = float(x) + {"start": width, "middle": width / 2, "end": 0.0}[anchor]
                assert end <= plots.WIDTH, words


def test_a_record_without_profile_or_memory() -> None:
    assert profile_html(model_of({"operators": []})) is None
    bare = model()
    for operator in bare["operators"]:
        del operator["arena_bytes"], operator["per_mac"], operator["macs"]
    assert len(pictures(bare)) == 2
    assert "/MAC" not in str(profile_html(model_of(bare)))


def test_foreign_values_do_not_end_the_report() -> None:
    foreign = {"operators": [{"index": 0, "name": "a"}, {"index": 1, "name": "b", "p50": 0, "later": ["x"]}]}
    assert len(rects(str(profile_html(model_of(foreign))))) == 2
    long = model(1)
    long["operators"][0]["name"] = "X" * 400
    assert "X" * 40 not in str(profile_html(model_of(long)))


def test_the_table_beside_has_the_same_figures() -> None:
    text = Tokens("".join(latency_parts(model_of(sample.record()["models"][0])))).text
    for figure in ("MACs", "Instructions per MAC", "7,600,000", "1.061", "96.0 KiB", "24.0 KiB"):
        assert figure in text
