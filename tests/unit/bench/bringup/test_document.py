"""The one file of a bringup, and what to try."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_stm32pose.bench.bringup import advice, document
from pytest_stm32pose.bench.bringup.run import STEPS, not_reached
from pytest_stm32pose.bench.bringup.step import Reading, StepResult, failed, passed
from pytest_stm32pose.boards.catalog import board_spec, boards

PRIVATE = {"/home/jane": "~", "jane": "USER", "desk7": "HOST"}
FAILED = StepResult(
    "port",
    failed("It has the device id 0x413."),
    (Reading("device id", "0x413", "0x450"), Reading("file", "/home/jane/fw.elf")),
    ("Power off and on.",),
    0.25,
)
RESULTS = [StepResult("probe", passed("found")), FAILED]


def content(**changes: object) -> dict[str, object]:
    spec = replace(board_spec("n6"), power_cycle=("curl", "-u", "jane:secret", "http://switch"))
    results = [*RESULTS, *not_reached(RESULTS)]
    made = document.document(
        spec, results, started="2026-01-01T00:00:00+00:00", versions={"python": "3.11"},
        options={"serial": "rfc2217://jane:secret@desk7:4000"}, log=["0.1 s  /home/jane on desk7: jane's"],
    )  # fmt: skip
    return {**made, **changes}


def test_the_file_is_for_people_and_for_programs() -> None:
    read = json.loads(document.rendered(content(), PRIVATE))
    assert read["schema"] == "stm32pose/bringup/1" and read["verdict"] == "failed"
    assert [step["name"] for step in read["steps"]] == [step.name for step in STEPS]
    assert [step["status"] for step in read["steps"][:3]] == ["passed", "failed", "not reached"]
    assert read["steps"][1]["read"][0] == {"name": "device id", "value": "0x413", "expected": "0x450"}
    people = "\n".join(read["for_people"])
    assert "2 port      FAILED  It has the device id 0x413." in people
    assert "read  device id: 0x413 (expected 0x450)" in people and "try   1. Power off and on." in people
    assert "not reached: ram, firmware, clocks" in people
    assert read["catalog"]["network"] == {"address": "0x71000000", "bytes": "0x01000000"}
    assert read["catalog"]["regions"][0]["start"] == "0x10000000" and read["catalog"]["clock_hz"] == 600_000_000


def test_nothing_private_is_in_it() -> None:
    text = document.rendered(content(), PRIVATE).decode()
    for secret in ("jane", "desk7", "secret", "/home", "switch"):
        assert secret not in text
    read = json.loads(text)
    assert read["options"]["serial"] == "rfc2217://HOST:4000"
    assert read["log"] == ["0.1 s  ~ on HOST: USER's"]
    assert read["catalog"]["power_cycle"] == "configured"


def test_only_whole_words_are_private() -> None:
    assert document.scrubbed({"a": ["pinned janet 3", 3, None, True]}, {"jane": "USER", "": "x", "3": "y"}) == {
        "a": ["pinned janet 3", 3, None, True]
    }


@pytest.mark.parametrize(
    ("done", "verdict"), [(0, "interrupted"), (1, "interrupted"), (2, "failed"), (len(STEPS), "passed")]
)
def test_verdicts(done: int, verdict: str) -> None:
    results = RESULTS[:done] if done <= 2 else [StepResult(step.name, passed("good")) for step in STEPS]
    assert document.verdict([*results, *not_reached(results)]) == verdict


def test_every_board_has_something_to_try_after_every_step() -> None:
    for spec in boards().values():
        for step in STEPS:
            found = advice.remedies(spec.firmware, step.name, spec.name)
            assert len(found) >= 2 and found[-1].startswith("Read docs/bringup.md")
            assert len(set(found)) == len(found) and not any("{" in text for text in found)


@pytest.mark.parametrize(
    ("board", "step", "words"),
    [
        ("n6", "port", "BOOT1 switch to the right"),
        ("n6-nucleo", "port", "JP2 (BOOT1) on pins 2-3"),
        ("n6", "flash", "VDDIO3"),
        ("n6", "clocks", "stm32pose build --board n6 --clock hsi"),
        ("h7", "clocks", "8 MHz"),
        ("h747", "clocks", "SMPS"),
        ("f405", "uart", "PB6"),
    ],
)
def test_the_board_s_own_come_first(board: str, step: str, words: str) -> None:
    spec = board_spec(board)
    found = advice.remedies(spec.firmware, step, spec.name)
    assert words in " ".join(found[:2])


def test_the_pages_are_there() -> None:
    root = Path(__file__).resolve().parents[4]
    for page in (advice.PAGE, *advice.DOCS.values()):
        assert (root / page).is_file()


def test_the_table_names_boards_and_steps_that_exist() -> None:
    folders = {spec.firmware for spec in boards().values()}
    known = folders | {folder.partition("/")[0] for folder in folders} | {""}
    assert set(advice.table()) <= known
    assert {step for steps in advice.table().values() for step in steps} <= {step.name for step in STEPS}
