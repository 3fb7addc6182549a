"""Budgets: limits on what was measured, each a frozen name and number. Names are also the record's keys.

Time has a source. `cycles_p95_max` and `latency_ms_p95_max` judge cycles of silicon (source `dwt`),
`instructions_p95_max` judges instructions counted by an emulator (source `icount`). A budget on the other source is
refused, never passed over: instructions of an emulator at a nominal clock are not milliseconds of any chip, since
memory, caches and multi-cycle instructions are not in them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.metrics.latency import LatencySummary


@dataclass(frozen=True)
class Measured:
    """What a run knows of one network on one board. None: not measured."""

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


@dataclass(frozen=True)
class _Kind:
    field: str  #: of Measured
    bound: Literal["min", "max"]
    unit: str
    source: str = ""  #: time source that the budget judges
    needs: str = ""  #: what the user must give so that it is measured
    scale: float = 1.0  #: measured value per unit


_KIB = 1024.0
_KINDS: dict[str, _Kind] = {
    "oks_vs_golden_min": _Kind("oks_vs_golden", "min", "oks", needs="device and golden keypoints"),
    "oks_vs_truth_min": _Kind("oks_vs_truth", "min", "oks", needs="pictures with one labelled person"),
    "map50_vs_truth_min": _Kind(
        "map50_vs_truth", "min", "ap", needs="a network that finds several persons, on pictures with labelled persons"
    ),
    "keypoint_error_px_max": _Kind("keypoint_error_px", "max", "px", needs="device and golden keypoints"),
    "tensor_lsb_max": _Kind("tensor_lsb", "max", "LSB", needs="output tensors of known quantisation from the device"),
    "latency_ms_p95_max": _Kind("latency", "max", "ms", source="dwt", needs="timed inferences"),
    "cycles_p95_max": _Kind("latency", "max", "cycles", source="dwt", needs="timed inferences"),
    "instructions_p95_max": _Kind("latency", "max", "instructions", source="icount", needs="timed inferences"),
    "activation_kib_max": _Kind("activation_bytes", "max", "KiB", needs="the network's memory plan", scale=_KIB),
    "weights_kib_max": _Kind("weights_bytes", "max", "KiB", needs="the network's memory plan", scale=_KIB),
    "firmware_flash_kib_max": _Kind("firmware_flash_bytes", "max", "KiB", needs="the firmware's size", scale=_KIB),
    "firmware_ram_kib_max": _Kind("firmware_ram_bytes", "max", "KiB", needs="the firmware's size", scale=_KIB),
}

BUDGET_NAMES: tuple[str, ...] = tuple(_KINDS)


@dataclass(frozen=True)
class Budget:
    """A limit by name, in the unit of `unit_of(name)`."""

    name: str
    limit: float
    origin: str = ""  #: who set it, where it was not the user


@dataclass(frozen=True)
class BudgetResult:
    """One budget judged; its fields are the record's."""

    name: str
    limit: float
    measured: float
    unit: str
    passed: bool
    origin: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def describe(self) -> str:
        """One sentence with both numbers."""
        bound = "at least" if _KINDS[self.name].bound == "min" else "at most"
        kept = "kept" if self.passed else "broken"
        origin = f" (from {self.origin})" if self.origin else ""
        return f"{self.name} is {kept}: {self.measured:.6g} {self.unit}, allowed is {bound} {self.limit:.6g}{origin}."


def unit_of(name: str) -> str:
    """The unit of a budget's limit."""
    return _kind(name).unit


def judges_keypoints(name: str) -> bool:
    """Whether a budget is on keypoints, which a network without a family does not have."""
    return _kind(name).field in ("oks_vs_golden", "oks_vs_truth", "map50_vs_truth", "keypoint_error_px")


def parse_budgets(limits: Mapping[str, Any]) -> tuple[Budget, ...]:
    """Budgets from a marker's keyword arguments or a mapping, in the order given.

    Raises:
        ConfigError: a name that is not known, or a limit that is not a finite number of at least 0 (OKS, mAP: at most
            1).
    """
    budgets = []
    for name, limit in limits.items():
        kind = _kind(name)
        if isinstance(limit, bool) or not isinstance(limit, int | float) or not math.isfinite(limit) or limit < 0:
            raise ConfigError(f"Budget {name} has the limit {limit!r}.", remedy="Give a number of at least 0.")
        if kind.unit in ("oks", "ap") and limit > 1:
            what = {"oks": "OKS", "ap": "mAP"}[kind.unit]
            raise ConfigError(
                f"Budget {name} has the limit {limit!r}; {what} is at most 1.", remedy="Give a number between 0 and 1."
            )
        budgets.append(Budget(name, float(limit)))
    return tuple(budgets)


def evaluate(budgets: Sequence[Budget], measured: Measured) -> list[BudgetResult]:
    """Judges every budget; a value equal to its limit passes, infinity and NaN (a device's nonsense) do not.

    Raises:
        ConfigError: a budget whose value was not measured, or that judges another time source than the board's.
    """
    return [_judge(budget, measured) for budget in budgets]


def _judge(budget: Budget, measured: Measured) -> BudgetResult:
    kind = _kind(budget.name)
    value = _value(budget, kind, measured)
    if value is None:
        raise ConfigError(
            f"Budget {budget.name} cannot be judged: it was not measured in this run.", remedy=f"It needs {kind.needs}."
        )
    within = value >= budget.limit if kind.bound == "min" else value <= budget.limit
    passed = within and math.isfinite(value)
    return BudgetResult(budget.name, budget.limit, value, kind.unit, passed, budget.origin)


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
        raise ConfigError(f"There is no budget named {name!r}.", remedy=f"Known are: {', '.join(_KINDS)}.") from None
