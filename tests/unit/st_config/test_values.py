"""Arithmetic, tuples, numbers and variables of ST's configurations: what is read, and that nothing is executed."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_stm32pose.st_config.values import arithmetic, count, expand, fraction, number, path_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1/127.5", 1 / 127.5),
        ("1./255", 1 / 255),
        ("1/255.", 1 / 255),
        (" -1 ", -1),
        ("-(1 + 2) * 3 / 4 - 5", -7.25),
        ("+1e-3", 0.001),
        ("(192, 192, 3)", (192, 192, 3)),
        ("(-0.2,0.2)", (-0.2, 0.2)),
        ("()", ()),
    ],
)
def test_arithmetic(text: str, value: object) -> None:
    assert arithmetic(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')", "abs(1)", "x", "1 if 1 else 2", "[1, 2]", "'1'", "True", "None", "1j",
        "2**9", "9//2", "7 % 2", "1 << 9", "~1", "not 1", "1 < 2", "(1, (2, 3))", "(1, x)", "lambda: 1", "1; 2",
        "1 or 2", "1or 2", "", "1/", "(" * 150, "\0", "f'{1}'", "(y := 1)", "...", "{1}", "*1", "0777", "1__0",
        "\ud800",
    ],
)  # fmt: skip
def test_anything_else_is_no_arithmetic(text: str) -> None:
    with pytest.raises(ValueError, match=r"^is not a number such as 0.5 or 1/255$"):
        arithmetic(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1/0", "nought"),
        ("1/0.", "nought"),
        ("1+" * 150 + "1", "longer"),
        ("1e308*10", "finite"),
        ("9" * 190 + "/.5", ""),
    ],
)
def test_what_cannot_be_computed(text: str, problem: str) -> None:
    if problem:
        with pytest.raises(ValueError, match=problem):
            number(text)
    else:
        assert number(text) == pytest.approx(2e190)


@given(st.text(max_size=220) | st.text("0123456789.+-*/(), e_x", max_size=220))
def test_any_text_is_a_number_or_refused_in_words(text: str) -> None:
    try:
        found = arithmetic(text)
    except ValueError as error:
        assert str(error).startswith(("is ", "divides "))
        return
    for each in found if isinstance(found, tuple) else (found,):
        assert type(each) in (int, float)


NUMBERS = st.integers(0, 99).map(str) | st.floats(0.01, 99).map(repr)
SUMS = st.recursive(
    NUMBERS, lambda each: st.tuples(each, st.sampled_from("+-*/"), each).map("({0[0]}{0[1]}{0[2]})".format)
)


@given(SUMS)
def test_it_computes_as_python_does(text: str) -> None:
    """Which is what ST's services do."""
    try:
        expected = eval(text)
    except ZeroDivisionError:
        with pytest.raises(ValueError, match="nought"):
            arithmetic(text)
        return
    if len(text) <= 200:
        assert arithmetic(text) == expected


@pytest.mark.parametrize(
    "value", [True, None, [1], {}, "(1, 2)", "True", math.inf, -math.inf, math.nan, "1e999", 10**400]
)
def test_what_is_no_number(value: object) -> None:
    with pytest.raises(ValueError, match=r"is no"):
        number(value)


def test_counts_and_fractions() -> None:
    assert (count(17), count("17"), count(17.0), count("34/2")) == (17, 17, 17, 17)
    assert (fraction(0), fraction("1/2"), fraction(1)) == (0.0, 0.5, 1.0)
    for value in (0, -1, 1.5, "1.5"):
        with pytest.raises(ValueError, match="whole number"):
            count(value)
    for value in (-0.1, 1.1, "15/10"):
        with pytest.raises(ValueError, match="from 0 to 1"):
            fraction(value)


def test_variables() -> None:
    environ = {"ROOT": "/data", "B": "${ROOT}"}
    assert expand("${ROOT}/x/${ROOT}", environ) == "/data/x//data"
    assert expand("${B} $ROOT ${now:%Y} ${a.b}", environ) == "${ROOT} $ROOT ${now:%Y} ${a.b}", "once, and those only"
    with pytest.raises(ValueError, match="environment variable NOWHERE"):
        expand("${ROOT}/${NOWHERE}", environ)


@pytest.mark.parametrize("value", [3, None, ["x"], "", "  ", "a\nb = c", "a\0b"])
def test_what_is_no_path(value: object) -> None:
    with pytest.raises(ValueError, match=r"is no path|is not text"):
        path_text(value, {})
