"""What bounds a latency: the memory of the weights, or computing."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_stm32pose.judge.bound import Bound, bound, bound_sentence
from pytest_stm32pose.report.latency import latency_parts
from pytest_stm32pose.tell.markdown import markdown_summary
from pytest_stm32pose.tell.terminal import summary_lines
from tests.support.html_tokens import Tokens
from tests.support.records import board_of, model_of, run_of

PLACES = {"weights": "nor octal DTR 50 MHz", "arena": "axisram", "read_bytes": 1 << 20, "read_us": 10_485.76}


def model(ms: float | None = 40.0, **changes: Any) -> dict[str, Any]:
    """2 MB of weights at 100 MB/s take 20 ms."""
    latency = {"source": "dwt", "unit": "cycles", "clock_hz": 600_000_000, "n": 9, "p50": 24_000_000, "p95": 24_000_000,
               "p99": 24_000_000, "max": 24_000_000, "ms_p50": ms}  # fmt: skip
    return {"latency": latency, "weights_bytes": 2_000_000, "macc": 240_000_000, "places": PLACES, **changes}


def board(kind: str = "hardware") -> dict[str, Any]:
    return {"kind": kind, "memories": "nor octal DTR 50 MHz"}


def test_the_memory_explains_a_latency_from_half_of_it_on() -> None:
    found = bound(model_of(model()), board_of(board()))
    assert isinstance(found, Bound)
    assert (found.megabytes_per_s, found.reading_ms, found.share) == pytest.approx((100.0, 20.0, 0.5))
    assert found.cycles_per_macc == pytest.approx(0.1)
    assert found.sentence == (
        "Reading the weights once (1,953 KiB from nor octal DTR 50 MHz at 100.0 MB/s, measured at the start) takes "
        "20.00 ms of 40.00 ms: the memory of the weights bounds this latency, not the core (0.10 cycles per MACC)."
    )


def test_computing_explains_a_longer_one() -> None:
    said = bound_sentence(model_of(model(ms=41.0)), board_of(board()))
    assert "20.00 ms of 41.00 ms: computing 240,000,000 MACC explains this latency (0.10 cycles per MACC)" in said


@pytest.mark.parametrize(
    "places", [None, {"weights": "nor", "arena": "axisram"}, {**PLACES, "read_us": 0}, {**PLACES, "read_bytes": 0}]
)
def test_without_a_measurement_the_bound_is_not_known(places: dict[str, Any] | None) -> None:
    document = model()
    document.pop("places")
    said = bound_sentence(model_of({**document, **({"places": places} if places else {})}), board_of(board()))
    assert said.startswith("What bounds this latency is not known")


def test_of_a_virtual_board_nothing_is_said() -> None:
    assert bound_sentence(model_of(model()), board_of(board("virtual"))) == ""
    assert bound_sentence(model_of(model(ms=None)), board_of(board())) == ""
    assert bound_sentence(model_of({**model(), "latency": None}), board_of(board())) == ""
    assert bound_sentence(model_of(model()), None) == ""


def test_report_terminal_and_job_summary_tell_it() -> None:
    record = run_of({"boards": [board()], "models": [model()]})
    assert "the memory of the weights bounds this latency" in markdown_summary(record)
    lines = summary_lines(record)
    assert "  weights in nor octal DTR 50 MHz; arena in axisram" in lines
    assert any("bounds this latency" in line for line in lines)
    virtual = run_of({"boards": [board("virtual")], "models": [model()]})
    assert "bounds" not in markdown_summary(virtual) + "".join(summary_lines(virtual))


def test_what_a_record_says_is_text_in_the_report() -> None:
    """Names of memories come from a device."""
    odd = model_of({**model(), "places": {**PLACES, "weights": "<b>nor</b>"}})
    markup = "".join(latency_parts(odd, board_of(board())))
    assert "<b>nor" not in markup
    assert "from <b>nor</b> at 100.0 MB/s" in Tokens(markup).text
    odd_run = run_of({"boards": [board()], "models": [{**model(), "places": {**PLACES, "weights": "<b>nor*"}}]})
    assert "<b>" not in markdown_summary(odd_run)
