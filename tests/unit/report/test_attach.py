"""The hooks' helpers: what pytest-html and pytest-xdist get."""

from __future__ import annotations

from types import SimpleNamespace

import execnet.gateway_base
import pytest
from pytest_html import extras

from pytest_stm32pose.report import attach
from tests.support import report_sample as sample
from tests.support.html_tokens import HOSTILE, Tokens
from tests.support.records import picture_of, run_of


def test_an_extra_is_what_pytest_html_makes() -> None:
    assert attach.html_extra("<b>x</b>") == extras.html("<b>x</b>")


def test_overlays_join_the_extras_and_travel_between_xdist_workers() -> None:
    report = SimpleNamespace(extras=[extras.url("https://example.org")])
    image = sample.record()["models"][0]["images"][1]
    attach.add_overlays(
        report,
        [attach.picture_overlay(picture_of(image), sample.pixels()), attach.picture_overlay(picture_of(image), None)],
    )
    assert [extra["format_type"] for extra in report.extras] == ["url", "html"]
    assert report.extras[1]["content"].count("<figure") == 2
    assert execnet.gateway_base.loads(execnet.gateway_base.dumps(report.extras)) == report.extras


def test_a_report_without_extras_gets_them() -> None:
    report = SimpleNamespace()
    attach.add_overlays(report, ["<figure></figure>"])
    assert len(report.extras) == 1


def test_overlay_tells_the_figures_and_the_divergence() -> None:
    text = Tokens(attach.picture_overlay(picture_of(sample.record()["models"][0]["images"][1]), sample.pixels())).text
    for words in (
        "picture-001.png",
        "OKS vs golden 0.9300",
        "OKS vs truth 0.8025",
        "largest error in px 110.0",
        "First divergence: operator 12 CONV_2D",
    ):
        assert words in text


def test_overlay_of_a_thin_entry() -> None:
    markup = attach.picture_overlay(
        picture_of({"id": "x", "width_px": 0, "height_px": -3, "keypoints_device": [[[1, 2, 0.5]]]}), None
    )
    assert 'viewBox="0 0 64 64"' in markup
    assert "OKS" not in Tokens(markup).text


def test_summary_comes_with_styles_and_styles_come_without_a_record() -> None:
    with_record: list[str] = []
    without: list[str] = []
    attach.results_summary(with_record, run_of(sample.record()))
    attach.results_summary(without, None)
    assert "<style>" in with_record[0]
    assert with_record[:1] == without
    assert "Pose validation" in with_record[1]
    assert {type(each) for each in with_record} == {str}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("when", ["call", "setup"])
def test_test_ids_are_escaped_in_their_own_cell_only(name: str, when: str) -> None:
    report = SimpleNamespace(nodeid=f"t.py::test[{name}]", when=when)
    shown = report.nodeid if when == "call" else f"{report.nodeid}::{when}"
    cells = [
        '<td class="col-result">Passed</td>',
        f'<td class="col-testId">{shown}</td>',
        '<td class="col-links"><a>x</a></td>',
    ]
    before = list(cells)
    attach.escape_test_id(report, cells)
    assert (cells[0], cells[2]) == (before[0], before[2])
    found = Tokens(cells[1])
    assert [element for element, _ in found.elements] == ["td"]
    assert found.text.startswith("t.py::test[")
