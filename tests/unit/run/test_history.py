"""The history: what is kept, since when a metric is worse, many writers, and files that are none."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

from pytest_stm32pose.cli.main import main
from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.judge.gate_limits import Limits
from pytest_stm32pose.record.write import write_record
from pytest_stm32pose.run import history
from pytest_stm32pose.run.history import History, default_file
from tests.support.records import run_of
from tests.unit.judge.test_gate import record

NETWORK = "stick_heatmaps_64"


def night(number: int, p50: int = 1_000_000) -> dict[str, Any]:
    """The run of one night, with that many instructions."""
    made = record()
    made["started"] = f"2026-03-{number:02}T02:00:00+01:00"
    made["plugin"]["commit"] = f"{number:02}" * 20
    made["boards"][0]["firmware"]["sha256"] = f"{number:02}" * 32
    made["models"][0]["latency"]["p50"] = p50
    return made


@pytest.fixture
def kept(tmp_path: Path) -> History:
    return History(tmp_path / "state/history.sqlite")


def since(kept: History, good: int | None = None) -> history.Since:
    return kept.since("latency_p50", "qemu-m55", NETWORK, Limits(), good)


def test_keeps_each_network_of_a_record_once(kept: History) -> None:
    assert kept.add(run_of(night(1)), "r") == 2
    assert kept.add(run_of(night(1)), "r") == 0
    assert kept.add(run_of(night(2)), "r") == 2
    assert [entry.started for entry in kept.entries(board="n6")] == [
        "2026-03-01T01:00:00+00:00",
        "2026-03-02T01:00:00+00:00",
    ]
    [first, *_] = kept.entries(board="qemu-m55", model=NETWORK)
    assert (first.commit, first.firmware, first.firmware_version) == ("01" * 20, "01" * 32, "0.1.0")
    assert kept.record(first).to_json()["models"] == [night(1)["models"][0]]
    assert len(kept.entries(limit=1)) == 1
    assert kept.entries(board="' OR 1=1 --") == []


def test_since_when(kept: History) -> None:
    for number, p50 in ((3, 1_030_000), (1, 1_000_000), (2, 1_001_000), (4, 1_031_000)):  # added in any order
        kept.add(run_of(night(number, p50)), "r")
    found = since(kept)
    assert found.good.commit == "01" * 20
    assert found.before is not None
    assert found.before.commit == "02" * 20
    assert found.first is not None
    assert found.first.commit == "03" * 20
    assert "1,000,000 to 1,030,000" in found.said
    assert (found.compared, found.skipped) == (3, 0)


def test_the_last_series_counts_and_what_was_mended_is_good(kept: History) -> None:
    for number, p50 in ((1, 1_000_000), (2, 1_050_000), (3, 1_000_000), (4, 1_050_000)):
        kept.add(run_of(night(number, p50)), "r")
    found = since(kept)
    assert found.first is not None
    assert found.first.commit == "04" * 20
    kept.add(run_of(night(5)), "r")
    assert since(kept).first is None


def test_a_name_that_is_no_text_and_a_limit_beyond_all_bounds(kept: History) -> None:
    kept.add(run_of(night(1)), "r")
    with pytest.raises(ConfigError, match="no text") as caught:
        kept.entries(board="n6\ud800")
    assert caught.value.remedy == "Rename the network, board or file."
    assert len(kept.entries(limit=10**30)) == 2


def test_another_good_run_and_runs_that_cannot_be_compared(kept: History) -> None:
    kept.add(run_of(night(1, 900_000)), "r")
    other = night(2)
    other["boards"][0]["clock_hz"] *= 2
    kept.add(run_of(other), "r")
    kept.add(run_of(night(3)), "r")
    kept.add(run_of(night(4)), "r")
    found = since(kept)
    assert found.first is not None
    assert found.first.commit == "03" * 20
    assert found.skipped == 1
    [good] = [entry.id for entry in kept.entries(board="qemu-m55") if entry.commit == "03" * 20]
    assert since(kept, good).first is None
    with pytest.raises(ConfigError, match="holds no run 99 of"):
        since(kept, 99)


def step(number: int, oks: float, pictures: int = 1) -> dict[str, Any]:
    """A night whose network is another one on the real board, where some pictures have so much less OKS."""
    made = night(number)
    if number > 1:
        made["models"][1]["sha256"] = "d" * 64
    made["models"][1]["latency"] = None  # whose statistics take long
    for image in made["models"][1]["images"]:
        image["timing"] = None
    for image in made["models"][1]["images"][:pictures]:
        image["oks_vs_truth"] -= oks
    return made


def accuracy(kept: History) -> history.Since:
    return kept.since("oks_vs_truth", "n6", NETWORK, Limits())


def test_an_unclear_step_is_never_not_worse(kept: History) -> None:
    for number, loss in ((1, 0.0), (2, 0.0), (3, 0.4), (4, 0.4)):
        kept.add(run_of(step(number, loss)), "r")
    found = accuracy(kept)
    assert (found.outcome, found.first) == ("unclear", None)
    assert found.unclear is not None
    assert found.unclear.commit == "03" * 20
    assert found.before is not None
    assert found.before.commit == "02" * 20
    assert "is not told apart from noise" in found.said
    kept.add(run_of(step(5, 0.02, 20)), "r")  # now all pictures: no doubt any more, and the series began before
    found = accuracy(kept)
    assert found.outcome == "worse"
    assert [each and each.commit[:2] for each in (found.before, found.unclear, found.first)] == ["02", "03", "05"]
    kept.add(run_of(step(6, 0.4)), "r")  # unclear again: that does not end the series
    assert accuracy(kept).outcome == "worse"
    kept.add(run_of(step(7, 0.0)), "r")
    found = accuracy(kept)
    assert (found.outcome, found.first, found.unclear, found.before) == ("same", None, None, None)


def test_what_cannot_be_known(kept: History) -> None:
    kept.add(run_of(night(1)), "r")
    assert since(kept).outcome == "unknown", "nothing was compared"
    kept.add(run_of(night(2)), "r")
    assert since(kept).outcome == "same"
    lost = night(3)
    lost["models"][0]["latency"] = None
    kept.add(run_of(lost), "r")
    found = since(kept)
    assert (found.outcome, found.compared, found.skipped) == ("unknown", 1, 1)
    assert "latency_p50 was measured in the baseline and not in the run" in found.newest_skipped
    kept.add(run_of(night(4)), "r")
    assert (since(kept).outcome, since(kept).newest_skipped) == ("same", "")


def test_old_runs_make_room(kept: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MAX_RUNS", 2)
    for number in (1, 2, 3):
        kept.add(run_of(night(number)), "r")
    assert [entry.commit[:2] for entry in kept.entries(board="n6")] == ["02", "03"]
    assert len(kept.entries(board="qemu-m55")) == 2


def test_many_writers_lose_nothing(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from pytest_stm32pose.run.history import History\n"
        "from tests.unit.run.test_history import night, run_of\n"
        "for n in range(5): History(Path(sys.argv[1])).add(run_of(night(1 + int(sys.argv[2]) * 5 + n)), 'r')"
    )
    root = Path(__file__).resolve().parents[3]
    command = [sys.executable, "-c", code, str(tmp_path / "h.sqlite")]
    writers = [subprocess.Popen([*command, str(n)], cwd=root, stderr=subprocess.PIPE, text=True) for n in range(4)]
    assert [writer.communicate(timeout=600)[1] for writer in writers] == [""] * 4
    assert len(History(tmp_path / "h.sqlite").entries(board="n6")) == 20


# --- files that are none ---


def foreign(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE songs (title TEXT)")


def newer(path: Path) -> None:
    History(path).add(run_of(night(1)), "r")
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 7")


def cut(path: Path) -> None:
    History(path).add(run_of(night(1)), "r")
    path.write_bytes(path.read_bytes()[:5000])


def text(path: Path) -> None:
    path.write_text("stm32pose " * 500)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (foreign, "is not a history of runs"),
        (newer, "is a history of version 7; this version reads 1"),
        (cut, "cannot be used: database disk image is malformed"),
        (text, "cannot be used: file is not a database"),
        (Path.mkdir, "cannot be used: unable to open database file"),
    ],
)
def test_one_clear_sentence(tmp_path: Path, make: Any, words: str) -> None:
    path = tmp_path / "h.sqlite"
    make(path)
    kept = History(path)
    content = None if path.is_dir() else path.read_bytes()
    with pytest.raises(ConfigError) as caught:
        kept.add(run_of(night(2)), "r")
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    if content is not None:
        assert path.read_bytes() == content
        with pytest.raises(ConfigError):
            kept.record(kept.entries()[0])


def test_what_is_kept_of_a_run_was_tampered_with(kept: History) -> None:
    kept.add(run_of(night(1)), "r")
    [entry, *_] = kept.entries()
    nothing = zlib.compress(json.dumps({**night(1), "models": []}).encode())
    for content in (b"x", b"", "text", nothing):
        with sqlite3.connect(kept.path) as database:
            database.execute("UPDATE runs SET content = ?", (content,))
        with pytest.raises(ConfigError, match=f"what is kept of run {entry.id}"):
            kept.record(entry)


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("STM32POSE_HISTORY", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_file() == tmp_path / "stm32pose/history.sqlite"
    monkeypatch.setenv("XDG_STATE_HOME", "not/absolute")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_file() == tmp_path / ".local/state/stm32pose/history.sqlite"
    monkeypatch.setenv("STM32POSE_HISTORY", "~/lab.sqlite")
    assert default_file() == tmp_path / "lab.sqlite"


# --- the commands ---


def test_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("STM32POSE_HISTORY", str(tmp_path / "h.sqlite"))
    names = []
    for number, p50 in ((1, 1_000_000), (2, 1_030_000)):
        names.append(str(tmp_path / f"{number}.json"))
        write_record(Path(names[-1]), run_of(night(number, p50)))
    assert main(["history", "show"]) == 2
    assert "`stm32pose history add` begins one" in capsys.readouterr().err
    assert main(["history", "add", *names]) == 0
    assert main(["history", "show", "--board=qemu-m55", "--metric=latency_p50"]) == 0
    assert "1,030,000" in capsys.readouterr().out
    assert main(["history", "show", "--board=qemu-m55", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [each["metrics"]["latency_p50"] for each in shown] == [1_000_000, 1_030_000]
    assert [each["metrics"]["oks_vs_truth"] for each in shown] == pytest.approx([0.705, 0.705])
    where = ["--board=qemu-m55", f"--model={NETWORK}"]
    assert main(["history", "since", "latency_p50", *where]) == 1
    said = capsys.readouterr().out
    assert "latency_p50 is worse since run 3 of 2026-03-02T01:00:00+00:00, commit 020202020202" in said
    assert "last good: run 1 of 2026-03-01T01:00:00+00:00" in said
    assert main(["history", "since", "latency_p50", *where, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["first"]["commit"] == "02" * 20
    assert main(["history", "since", "map50_vs_truth", *where]) == 2
    said = capsys.readouterr().out
    assert "whether map50_vs_truth is worse than in run 1" in said
    assert "is not known: the newest run cannot be compared" in said
    assert main(["history", "since", "oks_vs_truth", *where]) == 0
    assert "oks_vs_truth is not worse than in run 1" in capsys.readouterr().out
    assert main(["history", "since", "speed", *where]) == 2
    assert "there is no metric 'speed'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("p50", "code", "verdict"), [(1_000_000, 0, "passed"), (1_030_000, 1, "failed"), (None, 2, "blocked")]
)
def test_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str], p50: int | None, code: int, verdict: str) -> None:
    base, new = night(1), night(2, p50 or 1)
    if p50 is None:
        new["boards"][0]["clock_hz"] = 1
    write_record(tmp_path / "base.json", run_of(base))
    write_record(tmp_path / "new.json", run_of(new))
    arguments = ["compare", str(tmp_path / "base.json"), str(tmp_path / "new.json")]
    assert main(arguments) == code
    assert f"compared with the baseline: {verdict}" in capsys.readouterr().out
    assert main([*arguments, "--format=json"]) == code
    assert json.loads(capsys.readouterr().out)["verdict"] == verdict
    assert main([*arguments, "--format=markdown"]) == code
    assert f"base.json: {verdict}" in capsys.readouterr().out
    (tmp_path / "gate.toml").write_text("[gate]\nlatency_p50 = '5 %'")
    assert main([*arguments, "--limits", str(tmp_path / "gate.toml")]) == (2 if p50 is None else 0)


@pytest.mark.parametrize(
    ("option", "environment", "code"),
    [
        ([], "", 3),
        (["--pose-gate-unclear=fail"], "pass", 3),
        (["--pose-gate-unclear=pass"], "", 0),
        (["--gate-unclear=pass"], "fail", 0),
        ([], "pass", 0),
        ([], "maybe", 2),
    ],
)
def test_unclear_has_an_exit_code_of_its_own(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    option: list[str],
    environment: str,
    code: int,
) -> None:
    monkeypatch.setenv("STM32POSE_GATE_UNCLEAR", environment)
    monkeypatch.setenv("STM32POSE_HISTORY", str(tmp_path / "h.sqlite"))
    names = [str(tmp_path / name) for name in ("base.json", "new.json")]
    for name, number, loss in zip(names, (1, 2), (0.0, 0.4), strict=True):
        write_record(Path(name), run_of(step(number, loss)))
    assert main(["history", "add", *names]) == 0
    since_command = ["history", "since", "oks_vs_truth", "--board=n6", f"--model={NETWORK}"]
    capsys.readouterr()
    assert main(["compare", *names, *option]) == code
    told = capsys.readouterr()
    assert main([*since_command, *option]) == code
    since_told = capsys.readouterr()
    if environment == "maybe":
        assert "environment variable STM32POSE_GATE_UNCLEAR: 'maybe' is not fail or pass" in told.err
        return
    assert ("compared with the baseline: unclear\n" in told.out) == (code == 3)
    assert ("compared with the baseline: unclear, which the gate lets pass" in told.out) == (code == 0)
    assert since_told.out.startswith("oks_vs_truth is unclear since run 4 of 2026-03-02")
    assert "is not worse" not in since_told.out
    assert main([*since_command, *option, "--json"]) == code
    assert json.loads(capsys.readouterr().out)["outcome"] == "unclear"


@pytest.mark.parametrize(("own", "code"), [("failed", 1), ("blocked", 2)])
def test_compare_with_a_run_that_did_not_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], own: str, code: int
) -> None:
    write_record(tmp_path / "base.json", run_of(night(1)))
    write_record(tmp_path / "new.json", run_of({**night(2), "verdict": own, "reasons": ["test_x: red"]}))
    assert main(["compare", str(tmp_path / "base.json"), str(tmp_path / "new.json")]) == code
    assert f"the run itself {own}: test_x: red" in capsys.readouterr().out


def test_compare_with_a_folder_asks_for_the_boards_of_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_record(tmp_path / "folder/all.json", run_of(night(1)))
    fewer = night(2)
    fewer["boards"], fewer["models"] = fewer["boards"][1:], fewer["models"][1:]
    write_record(tmp_path / "new.json", run_of(fewer))
    assert main(["compare", str(tmp_path / "folder"), str(tmp_path / "new.json")]) == 0
    assert f"not asked of this run: {NETWORK} on qemu-m55" in capsys.readouterr().out
    assert main(["compare", str(tmp_path / "folder/all.json"), str(tmp_path / "new.json")]) == 2
    assert f"{NETWORK} on qemu-m55: the baseline has it and the run has not" in capsys.readouterr().out
    empty = {**fewer, "models": []}
    write_record(tmp_path / "new.json", run_of(empty))
    assert main(["compare", str(tmp_path / "folder"), str(tmp_path / "new.json")]) == 2
    assert "the run measured nothing" in capsys.readouterr().out


def test_compare_of_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(tmp_path / "base.json"), str(tmp_path / "new.json")]) == 2
    assert "base.json is not there" in capsys.readouterr().err
