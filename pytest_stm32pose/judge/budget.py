"""Budgets: limits on what was measured, each a frozen name and number. Names are also the record's keys.

Time has a source. `cycles_p95_max` and `latency_ms_p95_max` judge cycles of silicon (source `dwt`),
`instructions_p95_max` judges instructions counted by an emulator (source `icount`). A budget on the other source is
refused, never passed over: instructions of an emulator at a nominal clock are not milliseconds of any chip, since
memory, caches and multi-cycle instructions are not in them.

Imported when tests are collected, to check markers: nothing here imports numpy.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pytest_stm32pose.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from pytest_stm32pose.metrics.latency import LatencySummary

#: Of our own kernels, where nothing else says how far the device may be from its golden: not one LSB.
EXACT: Mapping[str, float] = {"tensor_lsb_max": 0.0, "oks_vs_golden_min": 1.0, "keypoint_error_px_max": 0.0}


@dataclass(frozen=True)
class Measured:
    """What a run knows of one network on one board. None: not measured.

    Attributes:
        counts: by field, the pictures behind a figure that stands for several.
        intervals: by field, the 95 % interval of such a figure.
    """

    oks_vs_golden: float | None = None  #: 0..1
    oks_vs_truth: float | None = None  #: 0..1
    map50_vs_truth: float | None = None  #: 0..1
    keypoint_error_px: float | None = None  #: largest, pixels of the picture
    tensor_lsb: float | None = None  #: largest difference of any compared tensor
    latency: LatencySummary | None = None
    activation_bytes: int | None = None
    weights_bytes: int | None = None
    firmware_flash_bytes: int | None = None
    firmware_ram_bytes: int | None = None
    has_time: bool = True  #: False: the board is a twin, whose time is none; budgets of time are left out
    counts: Mapping[str, int] = field(default_factory=dict)
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Kind:
    field: str  #: of Measured
    bound: Literal["min", "max"]
    unit: str
    source: str = ""  #: time source that the budget judges
    needs: str = ""  #: what the user must give so that it is measured
    scale: float = 1.0  #: measured value per unit


_KIB = 1024.0
#: A marker's whole numbers may be ones that no float holds.
_LARGEST = sys.float_info.max
_KINDS: dict[str, _Kind] = {
    "oks_vs_golden_min": _Kind("oks_vs_golden", "min", "oks", needs="device and golden keypoints"),
    "oks_vs_truth_min": _Kind("oks_vs_truth", "min", "oks", needs="pictures with one labelled person"),
    "map50_vs_truth_min": _Kind(
        "map50_vs_truth", "min", "ap", needs="a network that finds several persons, on pictures with labelled persons"
    ),
    "keypoint_error_px_max": _Kind("keypoint_error_px", "max", "px", needs="device and golden keypoints"),
    "tensor_lsb_max": _Kind(
        "tensor_lsb", "max", "LSB", needs="output tensors of known quantisation, of the device and of the golden"
    ),
    "latency_ms_p95_max": _Kind("latency", "max", "ms", source="dwt", needs="timed inferences"),
    "cycles_p95_max": _Kind("latency", "max", "cycles", source="dwt", needs="timed inferences"),
    "instructions_p95_max": _Kind("latency", "max", "instructions", source="icount", needs="timed inferences"),
    "activation_kib_max": _Kind("activation_bytes", "max", "KiB", needs="the network's memory plan", scale=_KIB),
    "weights_kib_max": _Kind("weights_bytes", "max", "KiB", needs="the network's memory plan", scale=_KIB),
    "firmware_flash_kib_max": _Kind("firmware_flash_bytes", "max", "KiB", needs="the firmware's size", scale=_KIB),
    "firmware_ram_kib_max": _Kind("firmware_ram_bytes", "max", "KiB", needs="the firmware's size", scale=_KIB),
}

BUDGET_NAMES: tuple[str, ...] = tuple(_KINDS)
#: Units of budgets of accuracy, which a few pictures say little about.
_ACCURACY = frozenset({"oks", "ap", "px"})


@dataclass(frozen=True)
class Budget:
    """A limit by name, in the unit of `unit_of(name)`."""

    name: str
    limit: float
    origin: str = ""  #: who set it, where it was not the user


@dataclass(frozen=True)
class BudgetResult:
    """One budget judged; its fields are the record's.

    Attributes:
        n: pictures behind `measured`, where it stands for several.
        interval: 95 % interval of `measured`, where it is a mean of several.
        few: the number of pictures that was asked for (--pose-min-pictures), where there are fewer.
    """

    name: str
    limit: float
    measured: float
    unit: str
    passed: bool
    origin: str = ""
    n: int | None = None
    interval: tuple[float, float] | None = None
    few: int | None = None

    @property
    def fact(self) -> str:
        """How the sentence begins: what was measured, and whether that keeps the budget."""
        return f"{self.name} is {'kept' if self.passed else 'broken'}: {self.measured:.6g} {self.unit}"

    def describe(self) -> str:
        """One sentence with both numbers, and what they rest on."""
        bound = "at least" if _KINDS[self.name].bound == "min" else "at most"
        origin = f" (from {self.origin})" if self.origin else ""
        spread = "" if self.interval is None else ", {:.4g}-{:.4g}".format(*self.interval)
        rests = "" if self.n is None else f" (n={self.n}{spread})"
        few = f" It rests on fewer pictures than the {self.few} of --pose-min-pictures." if self.few else ""
        return f"{self.fact}{rests}, allowed is {bound} {self.limit:.6g}{origin}.{few}"


def unit_of(name: str) -> str:
    """The unit of a budget's limit."""
    return _kind(name).unit


def judges_keypoints(name: str) -> bool:
    """Whether a budget is on keypoints, which a network without a family does not have."""
    return _kind(name).field in ("oks_vs_golden", "oks_vs_truth", "map50_vs_truth", "keypoint_error_px")


def parse_budgets(limits: Mapping[str, object]) -> tuple[Budget, ...]:
    """Budgets from a marker's keyword arguments or a mapping, in the order given.

    Raises:
        ConfigError: a name that is not known, or a limit that is not a finite number of at least 0 (OKS, mAP: at most
            1).
    """
    budgets = []
    for name, limit in limits.items():
        kind = _kind(name)
        if isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 <= limit <= _LARGEST:
            raise ConfigError(f"Budget {name} has the limit {limit!r}.", remedy="Give a number of at least 0.")
        if kind.unit in ("oks", "ap") and limit > 1:
            what = {"oks": "OKS", "ap": "mAP"}[kind.unit]
            raise ConfigError(
                f"Budget {name} has the limit {limit!r}; {what} is at most 1.", remedy="Give a number between 0 and 1."
            )
        budgets.append(Budget(name, float(limit)))
    return tuple(budgets)


def named_limits(texts: Sequence[str]) -> dict[str, float]:
    """NAME=LIMIT texts as a mapping. Raises ConfigError: one is not of that form, or two disagree."""
    limits: dict[str, float] = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            limit = float(value)
        except ValueError:
            raise ConfigError(f"--pose-budget: {text!r} is not NAME=LIMIT with a number.") from None
        if limits.setdefault(name.strip(), limit) != limit:
            raise ConfigError(
                f"--pose-budget: {name.strip()} is given as {limits[name.strip()]:g} and as {limit:g}.",
                remedy="Give one limit of each name.",
            )
    return limits


def evaluate(budgets: Sequence[Budget], measured: Measured, min_pictures: int = 1) -> list[BudgetResult]:
    """Judges every budget that the board can have a value of; a value equal to its limit passes, infinity and NaN (a
    device's nonsense) do not.

    Args:
        min_pictures: a budget of accuracy that rests on fewer says so.

    Raises:
        ConfigError: a budget whose value was not measured, or that judges another time source than the board's.
    """
    judged = [budget for budget in budgets if measured.has_time or _kind(budget.name).field != "latency"]
    return [_judge(budget, measured, min_pictures) for budget in judged]


def for_a_picture(given: Mapping[str, float], measured: Measured, is_exact: bool) -> dict[str, float]:
    """The limits of one picture: those given and, on our own kernels, EXACT where none of them says how far the device
    may be from its golden.

    Args:
        measured: of the picture; what a network has no figure of is not asked for, its tensors always are.
        is_exact: our own kernels ran.

    Raises:
        ConfigError: nothing would be judged.
    """
    if is_exact and not given.keys() & EXACT.keys():
        asked = (name for name in EXACT if name == "tensor_lsb_max" or is_measured(name, measured))
        return {**{name: EXACT[name] for name in asked}, **given}
    if not given:
        raise ConfigError(
            "pose_check has no budget to judge by: other kernels than ours run, which need not equal the golden.",
            remedy="Say how far they may be from it, for example pose_check(picture, oks_vs_golden_min=0.95).",
        )
    return dict(given)


def is_measured(name: str, measured: Measured) -> bool:
    """Whether there is a figure for a budget to judge."""
    return getattr(measured, _kind(name).field) is not None


def severity(name: str, limit: float, measured: float | None, passed: bool) -> tuple[bool, float, float]:
    """Orders judgements of one budget, the worst highest: broken above kept, then by figure, then by limit."""
    sign = -1.0 if _kind(name).bound == "min" else 1.0
    value = math.inf if measured is None or not math.isfinite(measured) else sign * measured
    return not passed, value, -sign * limit


def _judge(budget: Budget, measured: Measured, min_pictures: int) -> BudgetResult:
    kind = _kind(budget.name)
    value = _value(budget, kind, measured)
    if value is None:
        raise ConfigError(
            f"Budget {budget.name} cannot be judged: it was not measured in this run.", remedy=f"It needs {kind.needs}."
        )
    within = value >= budget.limit if kind.bound == "min" else value <= budget.limit
    passed = within and math.isfinite(value)
    n, interval = measured.counts.get(kind.field), measured.intervals.get(kind.field)
    few = min_pictures if n is not None and n < min_pictures and kind.unit in _ACCURACY else None
    return BudgetResult(budget.name, budget.limit, value, kind.unit, passed, budget.origin, n, interval, few)


def _value(budget: Budget, kind: _Kind, measured: Measured) -> float | None:
    if kind.field != "latency":
        value = getattr(measured, kind.field)
        return None if value is None else float(value) / kind.scale
    latency = measured.latency
    if latency is None:
        return None
    if latency.source != kind.source:
        fitting = [name for name, other in _KINDS.items() if other.source == latency.source]
        raise ConfigError(
            f"Budget {budget.name} judges time from `{kind.source}`, but this board counts {latency.unit} "
            f"(`{latency.source}`).",
            remedy=f"Use {' or '.join(fitting)} on this board." if fitting else "No budget judges that source.",
        )
    return latency.milliseconds(latency.p95) if kind.unit == "ms" else float(latency.p95)


def _kind(name: str) -> _Kind:
    try:
        return _KINDS[name]
    except KeyError:
        remedy = f"{did_you_mean(name, _KINDS)}Known are: {', '.join(_KINDS)}."
        raise ConfigError(f"There is no budget named {name!r}.", remedy=remedy) from None
