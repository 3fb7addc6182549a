"""Past runs in a local SQLite file, by board, network, firmware and commit; and since when a metric is worse.

One row per network and board of a record. The row holds that part of the record (compressed JSON), so that any two runs
can be compared by the gate. Writers wait for one another (SQLite's own lock; no WAL, which network folders cannot do).
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pytest_stm32pose.entries.codec import written
from pytest_stm32pose.entries.model import ModelEntry
from pytest_stm32pose.entries.run import RunEntry
from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.judge import gate
from pytest_stm32pose.judge.gate_limits import Limits, metric_named
from pytest_stm32pose.record.baseline import started
from pytest_stm32pose.record.read import MAX_RECORD_BYTES, check_record

#: "pose" in SQLite's header: a file of another application is not written to.
APPLICATION_ID, VERSION = 0x706F7365, 1
BUSY_TIMEOUT_S = 30.0
#: Of one network on one board; the oldest go first.
MAX_RUNS = 2000
MAX_SHOWN = 10_000
#: Of compression: a record's numbers have few repetitions, and 6 takes five times as long for a tenth less.
_LEVEL = 1
_TABLE = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, board TEXT NOT NULL, model TEXT NOT NULL, started TEXT NOT NULL, network TEXT NOT NULL,
    firmware TEXT NOT NULL, firmware_version TEXT NOT NULL, commit_id TEXT NOT NULL, verdict TEXT NOT NULL,
    digest TEXT NOT NULL UNIQUE, content BLOB NOT NULL)
"""
_INDEX = "CREATE INDEX runs_by_key ON runs (board, model, started)"
_COLUMNS = "id, board, model, started, network, firmware, firmware_version, commit_id, verdict"


@dataclass(frozen=True)
class Entry:
    """One network on one board in one run. `started` UTC; `firmware` and `network` SHA-256, "" when not known."""

    id: int
    board: str
    model: str
    started: str
    network: str
    firmware: str
    firmware_version: str
    commit: str
    verdict: str

    @property
    def text(self) -> str:
        built = f"firmware {self.firmware_version or 'unknown'} ({self.firmware[:12] or 'no digest'})"
        return f"run {self.id} of {self.started}, commit {self.commit[:12] or 'unknown'}, {built}"


@dataclass(frozen=True)
class Since:
    """Since when a metric is worse. `good` is what was compared with; `before` the last run that was not worse.

    Attributes:
        skipped: runs that cannot be compared with `good`, or lack the metric.
        first: from which on no run is good, the first that is worse; None: of those that can be compared none is.
        unclear: from which on no run is good, the first that is worse than allowed but not told apart from noise.
        said: of `first`, else of `unclear`.
        newest_skipped: why the newest run cannot be compared, "" where it can.
    """

    metric: str
    compared: int
    skipped: int
    good: Entry
    before: Entry | None = None
    first: Entry | None = None
    said: str = ""
    unclear: Entry | None = None
    newest_skipped: str = ""

    @property
    def outcome(self) -> Literal["same", "worse", "unclear", "unknown"]:
        """Unknown where nothing was compared, or not the newest run."""
        if self.first is not None:
            return "worse"
        if self.newest_skipped or not self.compared:
            return "unknown"
        return "unclear" if self.unclear is not None else "same"


def default_file() -> Path:
    """$STM32POSE_HISTORY, or history.sqlite in the user's state folder."""
    if named := os.environ.get("STM32POSE_HISTORY"):
        return Path(named).expanduser()
    state = os.environ.get("XDG_STATE_HOME", "")
    return (Path(state) if Path(state).is_absolute() else Path.home() / ".local/state") / "stm32pose/history.sqlite"


class History:
    """A history file. Every method raises ConfigError, one sentence, when the file is not one or cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, record: RunEntry, where: str) -> int:
        """Keeps a record (as read_record gives it; `where` names it). Returns how many of its networks were new."""
        when = started(record, where).isoformat()
        rows = [_row(record, model, when) for model in record.models]
        if not rows:
            return 0
        with self._open("writing") as database:
            before = database.total_changes
            database.executemany(
                "INSERT OR IGNORE INTO runs (board, model, started, network, firmware, firmware_version, commit_id, "
                "verdict, digest, content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
            added = database.total_changes - before
            for board, model in {row[:2] for row in rows}:
                database.execute(
                    "DELETE FROM runs WHERE id IN (SELECT id FROM runs WHERE board = ? AND model = ? "
                    "ORDER BY started DESC, id DESC LIMIT -1 OFFSET ?)",
                    (board, model, MAX_RUNS),
                )
        return added

    def entries(self, board: str | None = None, model: str | None = None, limit: int = MAX_SHOWN) -> list[Entry]:
        """The newest runs, oldest first; of one board or network where named."""
        query = (
            f"SELECT {_COLUMNS} FROM runs WHERE (?1 IS NULL OR board = ?1) AND (?2 IS NULL OR model = ?2) "
            "ORDER BY started DESC, id DESC LIMIT ?3"
        )
        with self._open("reading") as database:
            return [Entry(*row) for row in database.execute(query, (board, model, min(limit, MAX_SHOWN)))][::-1]

    def record(self, entry: Entry) -> RunEntry:
        """What is kept of a run."""
        with self._open("reading") as database:
            [content] = database.execute("SELECT content FROM runs WHERE id = ?", (entry.id,)).fetchone() or (b"",)
        try:
            unpacked = zlib.decompressobj().decompress(content, MAX_RECORD_BYTES)
        except (zlib.error, TypeError) as error:
            raise ConfigError(f"{self.path}: what is kept of run {entry.id} cannot be read ({error}).") from error
        found = check_record(unpacked, f"{self.path}: what is kept of run {entry.id}")
        if len(found.models) != 1:
            raise ConfigError(f"{self.path}: what is kept of run {entry.id} has {len(found.models)} networks, not one.")
        return found

    def since(self, metric: str, board: str, model: str, limits: Limits, good: int | None = None) -> Since:
        """Since when `metric` is worse than in the run `good` (default: the oldest) by more than its limit.

        The last unbroken series of runs that are worse counts; one that is unclear does not end it. Raises ConfigError
        without runs to compare.
        """
        metric_named(metric, "history")
        entries = self.entries(board, model)
        base = next((entry for entry in entries if good in (None, entry.id)), None)
        if base is None:
            which = "no run" if good is None else f"no run {good}"
            raise ConfigError(
                f"{self.path} holds {which} of {model} on {board}.", remedy="`stm32pose history show` lists them."
            )
        reference = self.record(base)
        before, compared, skipped, newest_skipped = base, 0, 0, ""
        worse: dict[str, tuple[Entry, str]] = {}  # the first of each kind in the series
        for entry in entries[entries.index(base) + 1 :]:
            [judged] = gate.compare([reference], self.record(entry), limits, base.text, only=metric).models
            found = next((each for each in judged.metrics if each.name == metric), None)
            if found is None:
                skipped += 1
                newest_skipped = f"{entry.text}: {'; '.join(judged.refusals) or f'neither run has a {metric}'}"
                continue
            compared, newest_skipped = compared + 1, ""
            if found.outcome in ("regression", "unclear"):
                worse.setdefault(found.outcome, (entry, found.said))
            else:
                before, worse = entry, {}
        first, said = worse.get("regression", (None, ""))
        unclear, unclear_said = worse.get("unclear", (None, ""))
        since = before if worse else None
        return Since(metric, compared, skipped, base, since, first, said or unclear_said, unclear, newest_skipped)

    @contextmanager
    def _open(self, mode: Literal["reading", "writing"]) -> Iterator[sqlite3.Connection]:
        """One transaction."""
        if mode == "reading" and not self.path.is_file():
            raise ConfigError(f"There is no history {self.path}.", remedy="`stm32pose history add` begins one.")
        database = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
            database.execute("BEGIN IMMEDIATE" if mode == "writing" else "BEGIN")
            self._check(database, mode == "writing")
            yield database
            database.execute("COMMIT")
        except UnicodeError as error:
            raise ConfigError(
                f"The history {self.path} cannot keep or find a name with characters that are no text.",
                remedy="Rename the network, board or file.",
            ) from error
        except (sqlite3.Error, OverflowError) as error:
            raise ConfigError(
                f"The history {self.path} cannot be used: {error}.", remedy="Move the file away to begin a new one."
            ) from error
        except OSError as error:
            raise ConfigError(f"The history {self.path} cannot be used: {error.strerror}.") from error
        finally:
            if database is not None:
                database.close()

    def _check(self, database: sqlite3.Connection, create: bool) -> None:
        """The file is a history of this version; an empty one becomes that."""
        [application], [version] = (database.execute(f"PRAGMA {name}").fetchone() for name in _PRAGMAS)
        [tables] = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if create and not (application or version or tables):
            database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {VERSION}")
            database.execute(_TABLE)
            database.execute(_INDEX)
        elif application != APPLICATION_ID:
            raise ConfigError(f"{self.path} is not a history of runs.", remedy="Name another file.")
        elif version != VERSION:
            raise ConfigError(
                f"{self.path} is a history of version {version}; this version reads {VERSION}.",
                remedy="Use the version of pytest-stm32pose that wrote it.",
            )


_PRAGMAS = ("application_id", "user_version")


def _row(record: RunEntry, model: ModelEntry, when: str) -> tuple[str | bytes, ...]:
    boards = tuple(board for board in record.boards if board.name == model.board)
    firmware = boards[0].firmware if boards else None
    kept = RunEntry(
        schema=record.schema,
        started=record.started,
        plugin=record.plugin,
        host=record.host,
        boards=boards,
        models=(model,),
        verdict=record.verdict,
        reasons=record.reasons,
    )
    content = written(kept, sort_keys=True).encode()
    return (
        model.board,
        model.name,
        when,
        model.sha256,
        (firmware and firmware.sha256) or "",
        (firmware and firmware.version) or "",
        record.plugin.commit or "",
        record.verdict,
        hashlib.sha256(content).hexdigest(),
        zlib.compress(content, _LEVEL),
    )
