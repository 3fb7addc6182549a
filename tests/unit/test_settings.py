"""Options: every flag has its twins, and the precedence is command line, environment, ini, default."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.settings import OPTIONS, Settings, resolve, split_serial
from pytest_stm32pose.types import Decoding

BASE = Path("/somewhere")


def settings(
    line: dict[str, Any] | None = None, environ: dict[str, str] | None = None, ini: dict[str, Any] | None = None
) -> Settings:
    return resolve((line or {}).get, environ or {}, (ini or {}).get, BASE)


def test_twins_of_the_board_option() -> None:
    board = OPTIONS[0]
    assert (board.flag, board.dest, board.environment) == ("board", "pose_board", "STM32POSE_BOARD")


def test_every_option_reaches_the_settings() -> None:
    samples = {
        "text": "x",
        "list": ["a=1"],
        "switch": True,
        "count": "3",
        "seconds": "0",
        "fraction": "0.5",
        "indices": "1,0",
        "number": "1/4",
        "numbers": "1,2,3",
        "levels": "7",
    }
    default = settings()
    for option in OPTIONS:
        value = option.choices[0] if option.kind == "choice" else samples[option.kind]
        changed = settings({option.dest: value})
        if option.choices and option.dest == "pose_golden":
            changed = settings({option.dest: "update"})
        if option.dest == "pose_backend":
            changed = settings({option.dest: option.choices[-1]})
            assert changed.backend == option.choices[-1]
            continue  # with one choice, that is the default
        others = [settings({option.dest: choice}) for choice in option.choices]
        assert any(each != default for each in (changed, *others)), option.flag


def test_thresholds_and_outputs_are_numbers() -> None:
    line = {"pose_score": "0.25", "pose_nms_iou": "0.7", "pose_max_persons": "20", "pose_outputs": "1, 0"}
    got = settings(line)
    assert got.decoding == Decoding(score=0.25, nms_iou=0.7, max_persons=20)
    assert got.outputs == (1, 0)
    assert settings(None, {"STM32POSE_KEYPOINT_SCORE": "0.4"}).decoding.keypoint_score == 0.4
    for dest, value in (
        ("pose_score", "1.5"), ("pose_score", "nan"), ("pose_nms_iou", "-1"), ("pose_keypoint_score", "x"),
        ("pose_max_persons", "101"), ("pose_max_persons", "0"), ("pose_outputs", "1,"), ("pose_outputs", "-1"),
        ("pose_outputs", "x"), ("pose_units", "metres"), ("pose_classes", "0"),
    ):  # fmt: skip
        with pytest.raises(ConfigError):
            settings({dest: value})


def test_precedence() -> None:
    line, environ, ini = {"pose_board": ["a"]}, {"STM32POSE_BOARD": "b"}, {"pose_board": "c"}
    assert settings(line, environ, ini).boards == ("a",)
    assert settings(None, environ, ini).boards == ("b",)
    assert settings(None, None, ini).boards == ("c",)
    assert settings().boards == ()


def test_lists_are_repeatable_and_comma_separated() -> None:
    assert settings({"pose_board": ["n6, h7", "qemu-m55"]}).boards == ("n6", "h7", "qemu-m55")


def test_paths_are_relative_to_the_invocation() -> None:
    got = settings({"pose_json": "out/record.json", "pose_images": "/abs"})
    assert got.json == BASE / "out/record.json"
    assert got.images == Path("/abs")


@pytest.mark.parametrize(
    ("dest", "value", "words"),
    [
        ("pose_max_images", "0", "--pose-max-images"),
        ("pose_max_images", "many", "whole number"),
        ("pose_repeat", "-1", "--pose-repeat"),
        ("pose_transport", "wifi", "serial, swd"),
        ("pose_golden", "yes", "check, update, live"),
    ],
)
def test_bad_values_are_refused_by_name(dest: str, value: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        settings({dest: value})


def test_bad_environment_value_names_the_variable() -> None:
    with pytest.raises(ConfigError, match="STM32POSE_PROFILE"):
        settings(environ={"STM32POSE_PROFILE": "perhaps"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, (None, None)),
        ("/dev/ttyACM0", ("/dev/ttyACM0", None)),
        ("/dev/ttyACM0@921600", ("/dev/ttyACM0", 921600)),
        ("socket://user@host:1", ("socket://user@host:1", None)),
    ],
)
def test_serial_url_and_speed(text: str | None, expected: tuple[str | None, int | None]) -> None:
    assert split_serial(text) == expected
