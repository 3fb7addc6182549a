"""Limits of the gate: from TOML and markers, per board and network; whatever is wrong with them in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.judge.gate_limits import METRICS, Limits, parse_limits
from pytest_stm32pose.record.limits_file import read_limits

FILE = """
[gate]
oks_vs_truth = 0.02
latency_p50 = "2.5 %"
[gate.board.n6]
latency_p50 = "5 %"
activation_kib = 8
[gate.model.net]
latency_p50 = 1000
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "gate.toml"


def test_a_network_wins_over_a_board_over_the_rest_over_the_default(file: Path) -> None:
    file.write_text(FILE)
    limits = read_limits(file)
    assert limits.of("n6", "net", "latency_p50").amount(80_000) == 1000
    assert limits.of("n6", "other", "latency_p50").amount(80_000) == 4000
    assert limits.of("h7", "other", "latency_p50").amount(80_000) == 2000
    assert limits.of("n6", "other", "activation_kib").text == "8 KiB"
    assert limits.of("h7", "net", "oks_vs_truth").amount(0.5) == 0.02
    assert limits.of("h7", "net", "latency_p95").text == "3 %"


def test_a_marker_wins_over_the_general_table(file: Path) -> None:
    file.write_text(FILE)
    limits = read_limits(file).with_general(parse_limits({"latency_p50": "9 %", "oks_vs_truth": 0}, "marker"))
    assert limits.of("h7", "other", "latency_p50").text == "9 %"
    assert limits.of("n6", "other", "latency_p50").text == "5 %"
    assert limits.of("h7", "other", "oks_vs_truth").amount(1) == 0


@pytest.mark.parametrize("table", ["[gate]", "[tool.stm32pose.gate]\nlatency_p50 = '2 %'"])
def test_tables_that_are_one(file: Path, table: str) -> None:
    file.write_text(table)
    wanted = "2 %" if "latency" in table else "1 %"
    assert read_limits(file).of("n6", "net", "latency_p50").text == wanted


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[gate]\nlatency_p5 = 1", "there is no metric 'latency_p5'. Did you mean latency_p"),
        ("[gate]\nspeed = 1", "Known are: oks_vs_truth"),
        ("[gate]\nlatency_p50 = '1 percent'", "latency_p50 has the limit '1 percent'"),
        ("[gate]\nlatency_p50 = -1", "at least 0"),
        ("[gate]\nlatency_p50 = nan", "at least 0"),
        ("[gate]\nlatency_p50 = true", "at least 0"),
        ("[gate]\nlatency_p50 = '-1 %'", "at least 0"),
        ("[gate.board]\nn6 = 1", "must hold one table for each board"),
        ("[gate.model.net]\nlatency = 1", "[gate.model.net]: there is no metric"),
        ("[gates]\n", "has no table [gate]"),
        ("gate = 3", "has no table [gate]"),
        ("tool = 3", "has no table [gate]"),
        ("[tool]\nstm32pose = 3", "has no table [gate]"),
        (f"[gate]\nlatency_p50 = {'9' * 400}", "latency_p50 has the limit 999"),
        (f"[gate]\nlatency_p50 = '{'9' * 400} %'", "latency_p50 has the limit '999"),
        (f"[gate]\nlatency_p50 = {'9' * 5000}", "is not valid TOML"),
        (f"[gate]\nlatency_p50 = {'[' * 5000}", "is not valid TOML"),
        ("[gate", "is not valid TOML"),
        ("\udcff", "is not valid TOML"),
    ],
)
def test_one_clear_sentence(file: Path, text: str, words: str) -> None:
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ConfigError) as caught:
        read_limits(file)
    assert words in str(caught.value)
    assert str(file) in str(caught.value)


def test_missing_and_oversized(file: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_limits(file)
    file.write_bytes(b"#" * (1 << 20) + b"##")
    with pytest.raises(ConfigError, match="limits are read up to"):
        read_limits(file)


def test_every_metric_has_a_limit_of_its_own() -> None:
    for metric in METRICS:
        assert Limits().of("b", "m", metric.name) is metric.default
