"""One record of what the processes of a run measured: pytest-xdist's workers, those of a conformance run, or one alone.

A process hands over its measurements (`RunPart`, as JSON); every figure over several pictures is computed once, here,
from the pictures of all. So a run in many processes has the record of a run in one. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from pytest_stm32pose.entries.codec import Entry
from pytest_stm32pose.entries.model import (
    BudgetEntry,
    DeviceModelEntry,
    LatencyEntry,
    MemoryEntry,
    ModelEntry,
    NetworkEntry,
    OperatorEntry,
)
from pytest_stm32pose.entries.picture import ImageEntry, MatchesEntry
from pytest_stm32pose.entries.run import BoardEntry, FirmwareEntry, RunEntry, ZooEntry
from pytest_stm32pose.judge.budget import Budget
from pytest_stm32pose.metrics.latency import summarise
from pytest_stm32pose.models.zoo import every_row
from pytest_stm32pose.record.causes import grouped
from pytest_stm32pose.record.plain import latency_entry
from pytest_stm32pose.record.summarise import accuracy, operator_medians
from pytest_stm32pose.record.verdict import combine_verdicts
from pytest_stm32pose.record.whole_run import worst
from pytest_stm32pose.record.write import build_record
from pytest_stm32pose.types import Timing

_Value = TypeVar("_Value")
#: Board and SHA-256: what a network on a board is known by.
Key = tuple[str, str]


@dataclass(frozen=True)
class MeasuredPicture(Entry):
    """One picture, with what is not kept of each but goes into the figures over all."""

    image: ImageEntry
    clock_hz: int  #: of its timing
    ticks: tuple[tuple[int, int], ...] = ()  #: (operator, instructions or cycles), in the order in which they ran
    golden_oks: float | None = None  #: the golden's OKS against truth
    golden_matches: MatchesEntry | None = None


@dataclass(frozen=True)
class OperatorCost(Entry):
    """What is known of an operator before it runs."""

    index: int
    name: str
    macs: int
    arena_bytes: int


@dataclass(frozen=True)
class OwnBudget(Entry):
    """A budget that came with the network."""

    name: str
    limit: float
    origin: str


@dataclass(frozen=True)
class MeasuredNetwork(Entry):
    """One network on one board, by one process.

    Attributes:
        operators: that were profiled.
        budgets: that tests judged, of each the worst judgement.
        own_budgets: of the whole run, which came with the network.
    """

    network: NetworkEntry
    pictures: tuple[MeasuredPicture, ...]
    operators: tuple[OperatorCost, ...]
    budgets: tuple[BudgetEntry, ...]
    own_budgets: tuple[OwnBudget, ...]
    device_model: DeviceModelEntry | None
    memory: MemoryEntry | None

    @property
    def key(self) -> Key:
        return self.network.board, self.network.sha256


@dataclass(frozen=True)
class RunPart(Entry):
    """What one process of a run measured.

    Attributes:
        started: ISO 8601 with time zone, seconds.
        commit: of the tree under test.
        outcomes: verdict and reason of what failed; of a process in which nothing did, one that passed.
        ran: whether any test ran.
        skipped: tests that need a board and were skipped, and why.
    """

    started: str
    commit: str | None
    boards: tuple[BoardEntry, ...]
    networks: tuple[MeasuredNetwork, ...]
    outcomes: tuple[tuple[str, str], ...]
    zoo: tuple[ZooEntry, ...]
    reruns: tuple[str, ...]
    notes: tuple[str, ...]
    ran: bool
    skipped: tuple[tuple[str, str], ...]


def record_of(parts: Sequence[RunPart], order: Sequence[str] | None = None) -> RunEntry:
    """The record of a run, before the budgets of the whole run are judged.

    Args:
        parts: at least one.
        order: names of the boards as the user gave them, since processes end in any order; None: of one process, in the
            order in which it measured.
    """
    places = {name: place for place, name in enumerate(order or ())}
    boards: dict[str, BoardEntry] = {}
    for board in (board for part in parts for board in part.boards):
        boards[board.name] = _both(boards[board.name], board) if board.name in boards else board
    networks: dict[Key, list[MeasuredNetwork]] = {}
    for found in (found for part in parts for found in part.networks):
        networks.setdefault(found.key, []).append(found)
    listed = list(boards.values())
    models = [_model(each) for each in networks.values()]
    if order is not None:
        listed.sort(key=lambda board: places.get(board.name, len(places)))
        models.sort(key=lambda model: (places.get(model.board, len(places)), model.name))
    outcomes = [outcome for part in parts for outcome in part.outcomes]
    mixed = [("blocked", why) for model in networks.values() if (why := _mixed_clocks(model))]
    verdict, reasons = combine_verdicts([*outcomes, *mixed])
    record = build_record(
        started=min(part.started for part in parts),
        commit=parts[0].commit,
        boards=listed,
        models=models,
        verdict=verdict,
        reasons=reasons,
        zoo=_zoo(parts),
        reruns=[why for part in parts for why in part.reruns],
        notes=list(dict.fromkeys(note for part in parts for note in part.notes)),
    )
    return grouped(record)


def own_budgets(parts: Sequence[RunPart]) -> dict[Key, tuple[Budget, ...]]:
    """The budgets that came with networks, for the whole run."""
    found = (network for part in reversed(parts) for network in part.networks)
    return {each.key: tuple(Budget(own.name, own.limit, own.origin) for own in each.own_budgets) for each in found}


def _both(first: BoardEntry, other: BoardEntry) -> BoardEntry:
    """What one process did not ask its board, another one may have."""
    one, two = first.firmware, other.firmware
    firmware = FirmwareEntry(
        path=_known(one.path, two.path),
        sha256=_known(one.sha256, two.sha256),
        version=one.version or two.version,
        backend=one.backend or two.backend,
        flash_bytes=_known(one.flash_bytes, two.flash_bytes),
        ram_bytes=_known(one.ram_bytes, two.ram_bytes),
        kernels=one.kernels or two.kernels,
    )
    return replace(
        first,
        firmware=firmware,
        caches=_known(first.caches, other.caches),
        memories=_known(first.memories, other.memories),
    )


def _known(first: _Value | None, other: _Value | None) -> _Value | None:
    return other if first is None else first


def _model(parts: Sequence[MeasuredNetwork]) -> ModelEntry:
    """One network on one board, whose pictures may be spread over processes."""
    pictures = pictures_of(parts)
    images = tuple(each.image for each in pictures)
    memory = [part.memory for part in parts if part.memory]
    return ModelEntry(
        **parts[0].network.fields,
        images=images,
        accuracy=accuracy(images),
        latency=_latency(pictures),
        budgets=_budgets(parts),
        operators=_profile(parts, pictures),
        device_model=parts[0].device_model,
        memory=_highest(memory) if memory else None,
    )


def pictures_of(parts: Sequence[MeasuredNetwork]) -> list[MeasuredPicture]:
    """Every picture once; of one that several measured, one that left the golden stays."""
    if len(parts) == 1:
        return list(parts[0].pictures)
    found: dict[str, MeasuredPicture] = {}
    for picture in (picture for part in parts for picture in part.pictures):
        name, crc32 = picture.image.id, picture.image.input_crc32
        if name in found and found[name].image.input_crc32 != crc32:  # tests in two processes gave two one name
            name = f"{name}~{crc32 or 0:08x}"
            picture = replace(picture, image=replace(picture.image, id=name))
        if name not in found or picture.image.divergence is not None:
            found[name] = picture
    return [found[key] for key in sorted(found)]


def _timed(pictures: Sequence[MeasuredPicture]) -> list[Timing]:
    return [
        Timing(timing.source, timing.unit, each.clock_hz, timing.values)
        for each in pictures
        if (timing := each.image.timing) and timing.values
    ]


def _clocks(timings: Sequence[Timing]) -> list[str]:
    """What the timings were counted by; they add up to one latency when it is one thing."""
    return sorted({f"{timing.source} at {timing.clock_hz / 1e6:g} MHz" for timing in timings})


def _latency(pictures: Sequence[MeasuredPicture]) -> LatencyEntry | None:
    """None also when two processes found the board's clock set differently, of which `_mixed_clocks` tells."""
    timed = _timed(pictures)
    return latency_entry(summarise(timed)) if len(_clocks(timed)) == 1 else None


def _mixed_clocks(parts: Sequence[MeasuredNetwork]) -> str:
    clocks = _clocks(_timed([picture for part in parts for picture in part.pictures]))
    if len(clocks) < 2:
        return ""
    network = parts[0].network
    return (
        f"{network.board}, {network.name}: its time was counted by {' and '.join(clocks)}, which are no latency of one "
        "run. Flash one firmware, and run again."
    )


def _budgets(parts: Sequence[MeasuredNetwork]) -> tuple[BudgetEntry, ...]:
    """Of each budget the worst judgement."""
    judged: dict[str, list[BudgetEntry]] = {}
    for each in (each for part in parts for each in part.budgets):
        judged.setdefault(each.name, []).append(each)
    return tuple(worst(rows) for rows in judged.values())


def _highest(told: Sequence[MemoryEntry]) -> MemoryEntry:
    """High-water marks are those of the process that reached the highest."""
    return MemoryEntry(
        stack_bytes=max(each.stack_bytes for each in told),
        stack_high_water=max(each.stack_high_water for each in told),
        arena_bytes=max(each.arena_bytes for each in told),
        arena_high_water=max(each.arena_high_water for each in told),
        flash_bytes=max(each.flash_bytes for each in told),
        ram_bytes=max(each.ram_bytes for each in told),
    )


def _profile(parts: Sequence[MeasuredNetwork], pictures: Sequence[MeasuredPicture]) -> tuple[OperatorEntry, ...]:
    """Operators with the medians over all pictures, and their shares."""
    costs: Mapping[int, OperatorCost] = {each.index: each for part in parts for each in part.operators}
    medians = operator_medians(picture.ticks for picture in pictures)
    total = sum(medians.values())
    return tuple(
        OperatorEntry(
            index=index,
            name=costs[index].name,
            p50=median,
            share=median / total if total else 0.0,
            macs=costs[index].macs,
            per_mac=median / costs[index].macs if costs[index].macs else None,
            arena_bytes=costs[index].arena_bytes,
        )
        for index, median in medians.items()
    )


def _zoo(parts: Sequence[RunPart]) -> tuple[ZooEntry, ...]:
    """Every row once, with all reasons, in the published order."""
    rows: dict[str, ZooEntry] = {}
    for entry in (entry for part in parts for entry in part.zoo):
        kept = rows.get(entry.name, replace(entry, not_run=()))
        new = tuple(each for each in entry.not_run if each not in kept.not_run)
        rows[entry.name] = replace(kept, not_run=(*kept.not_run, *new))
    order = {name: place for place, name in enumerate(every_row())}
    return tuple(sorted(rows.values(), key=lambda entry: order.get(entry.name, len(order))))
