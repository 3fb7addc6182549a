"""What markers ask of a test: all that reach it count, and of each name the closest. Checked at collection. Pure.

Imported when tests are collected: nothing here imports numpy or pyOCD.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pytest_stm32pose.errors import ConfigError, did_you_mean
from pytest_stm32pose.judge.budget import parse_budgets
from pytest_stm32pose.judge.gate_limits import Limit, parse_limits
from pytest_stm32pose.protocol.messages import Capability

if TYPE_CHECKING:
    from pytest_stm32pose.boards.catalog import BoardSpec

#: What to write instead, by marker.
EXAMPLES = {
    "pose_budget": "pose_budget(tensor_lsb_max=0)",
    "pose_board": 'pose_board(core="cortex-m55")',
    "pose_gate": 'pose_gate(latency_p50="2 %")',
    "pose_model": 'pose_model("movenet_192")',
}
KINDS = ("virtual", "hardware")
CAPABILITIES: Mapping[str, Capability] = {value.name.lower(): value for value in Capability if value.name}


class Mark(Protocol):
    """pytest's Mark, as far as it matters here."""

    @property
    def args(self) -> tuple[object, ...]: ...

    @property
    def kwargs(self) -> Mapping[str, object]: ...


def closest(marks: Iterable[Mark]) -> dict[str, object]:
    """What markers of one name say together.

    Args:
        marks: of function, class, module and so on; the closest first, as `iter_markers` gives them.
    """
    merged: dict[str, object] = {}
    for mark in marks:
        merged = {**mark.kwargs, **merged}
    return merged


@dataclass(frozen=True)
class BoardWish:
    """What pose_board asks of a board; "" asks nothing.

    Attributes:
        name: of the board, or a pattern of it with * and ?.
        core: as the catalog writes it, "cortex-m55".
        capability: of the firmware.
        kind: "virtual" or "hardware".
    """

    name: str = ""
    core: str = ""
    capability: str = ""
    kind: str = ""

    def misfit(self, spec: BoardSpec) -> str:
        """Why this board is none of those, from what the catalog knows; "" when nothing speaks against it."""
        if self.name and not fnmatch.fnmatchcase(spec.name, self.name):
            return f"is for boards named {self.name}, this is {spec.name}"
        if self.kind and self.kind != spec.kind:
            return f"needs {self.kind} boards, {spec.name} is {spec.kind}"
        if self.core and self.core != spec.core:
            return f"needs core {self.core}, {spec.name} has {spec.core}"
        return ""

    def lacking(self, board: str, capabilities: int) -> str:
        """Why the firmware on the board does not do; "" when it does."""
        if self.capability and not capabilities & CAPABILITIES[self.capability]:
            return f"needs the capability {self.capability}, which the firmware of {board} does not offer"
        return ""


def check(marker: str, mark: Mark) -> None:
    """Raises ConfigError: a marker that says nothing, or something that means nothing."""
    if marker == "pose_model":
        _check_models(mark)
        return
    if mark.args:
        given = ", ".join(repr(value) for value in mark.args)
        raise ConfigError(
            f"{marker} takes names with values, not {given} alone.", remedy=f"Write it like {EXAMPLES[marker]}."
        )
    if not mark.kwargs:
        raise ConfigError(f"{marker} says nothing.", remedy=f"Write it like {EXAMPLES[marker]}.")
    if marker == "pose_budget":
        parse_budgets(mark.kwargs)
    elif marker == "pose_gate":
        parse_limits(mark.kwargs, "marker pose_gate")
    else:
        wish(mark.kwargs)


def wish(asked: Mapping[str, Any]) -> BoardWish:
    """What pose_board asks. Raises ConfigError: an unknown name, or a value that no board could ever have."""
    known: dict[str, Iterable[str]] = {"name": (), "core": _cores(), "capability": CAPABILITIES, "kind": KINDS}
    for name, value in asked.items():
        if name not in known:
            remedy = f"{did_you_mean(name, known)}Known are: {', '.join(known)}."
            raise ConfigError(f"pose_board knows no {name!r}.", remedy=remedy)
        if not isinstance(value, str) or not value:
            raise ConfigError(f"pose_board: {name} is {value!r}.", remedy="Give one name in quotes.")
        values = list(known[name])
        if values and value not in values:
            remedy = f"{did_you_mean(value, values)}Known are: {', '.join(values)}."
            raise ConfigError(f"pose_board: there is no {name} {value!r}.", remedy=remedy)
    return BoardWish(**asked)


def _cores() -> list[str]:
    from pytest_stm32pose.boards.identity import PARTS

    return sorted(PARTS.values())


def _check_models(mark: Mark) -> None:
    if mark.kwargs:
        given = ", ".join(f"{name}=..." for name in mark.kwargs)
        raise ConfigError(f"pose_model takes names or paths, not {given}.", remedy=f"Write {EXAMPLES['pose_model']}.")
    if not mark.args:
        raise ConfigError("pose_model names no network.", remedy=f"Write {EXAMPLES['pose_model']}.")
    for name in mark.args:
        if not (isinstance(name, str) or hasattr(name, "__fspath__")) or not str(name):
            raise ConfigError(
                f"pose_model: {name!r} is neither a name nor a path.", remedy="Give a zoo name or a path."
            )


def tighter(marks: Mapping[str, object], more: Mapping[str, object]) -> dict[str, object]:
    """The gate's limits of several tests. A gate is closed for the whole run, so the tightest of them counts.

    Raises:
        ConfigError: one test gives per cent and another one the metric's unit: which is tighter nobody can say.
    """
    limits = parse_limits(marks, "marker pose_gate")
    for name, limit in parse_limits(more, "marker pose_gate").items():
        other = limits.get(name)
        if other is not None and other.percent != limit.percent:
            raise ConfigError(
                f"marker pose_gate: {name} is {other.text} in one test and {limit.text} in another.",
                remedy="Give both in per cent or both in the metric's unit.",
            )
    return {**marks, **{name: value for name, value in more.items() if _is_tighter(name, value, limits)}}


def _is_tighter(name: str, value: object, limits: Mapping[str, Limit]) -> bool:
    return name not in limits or parse_limits({name: value}, "marker pose_gate")[name].value < limits[name].value
