"""Nothing from a record, a file name or a device becomes markup, whatever it holds."""

from __future__ import annotations

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_stm32pose.report.markup import Html, escape, join, tag
from tests.support.html_tokens import HOSTILE, Tokens


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_in_content_and_attributes(text: str) -> None:
    found = Tokens(tag("p", text, title=text))
    assert [name for name, _ in found.elements] == ["p"]
    assert found.elements[0][1].keys() == {"title"}
    assert found.text == found.elements[0][1]["title"] == html.unescape(escape(text))


@given(st.text(alphabet=st.characters(codec=None)))
def test_any_text_round_trips_through_a_parser_and_utf8(text: str) -> None:
    markup = tag("p", text, title=text)
    markup.encode("utf-8")
    found = Tokens(markup)
    assert len(found.elements) == 1
    assert found.text == html.unescape(escape(text))


@pytest.mark.parametrize(
    "text", ["plain", "Zürich \N{BLACK HEART SUIT} 写真", "a<b & c>d", 'say "hi"', "tab\tnew\nline"]
)
def test_readable_text_is_not_altered(text: str) -> None:
    assert Tokens(tag("p", text)).text == text


def test_markup_is_not_escaped_twice_but_never_ends_an_attribute() -> None:
    inner = tag("b", "x & y")
    assert tag("p", inner) == "<p><b>x &amp; y</b></p>"
    assert tag("p", title=Html('"><b>')) == '<p title="&quot;&gt;&lt;b&gt;"></p>'
    assert join([inner, "<"], " & ") == "<b>x &amp; y</b> &amp; &lt;"


def test_attribute_names_values_and_void_elements() -> None:
    assert tag("input", type="checkbox", checked=True, disabled=False, id=None, class_="a", aria_label="b") == (
        '<input type="checkbox" checked class="a" aria-label="b">'
    )
    assert tag("p", None, "x", None) == "<p>x</p>"
