"""How often the gate is wrong: runs with made-up noise through gate.compare. `python -m tests.simulation [RUNS [SEED]]`
prints the table of docs/baselines.md.

Noise of a latency, in shares of its value (a Cortex-M with external memory, exaggerated):
- drift: a run starts up to 0.3 % off and moves by up to another 0.3 % until its end;
- bimodal: besides, three inferences in ten take 1.5 % longer, each by itself, or all those of a picture;
- heavy tail: besides, one in twenty is held up, by 2 % times a Pareto variable of index 1.5 (up to +100 %).
All have a jitter of 0.1 % (normal).

Noise of the accuracy of another network: of the pictures, 70 % are equal in both runs; the others move by a Laplace
variable of 0.03 OKS; one in a hundred is lost or found (0.3 OKS). A loss of one point (0.01 on average) is spread over
those that moved.

The same network has no such noise. Planted there is, in each run, a loss of one figure in turn (LOSSES), larger than
its limit by a tenth to nothing, spread at random over pictures of which some get better.
"""

from __future__ import annotations

import hashlib
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.judge.gate import compare
from pytest_stm32pose.judge.gate_limits import Limits
from pytest_stm32pose.run.measuring import HARDWARE_REPEAT
from tests.support.records import run_of, runs_of

PICTURES = 8  #: of the default network
MANY = 500
#: How many pictures of the same network are looked at.
COUNTS = (1, 2, PICTURES, MANY)
CYCLES = 20_000_000
Random = np.random.Generator
Floats = NDArray[np.float64]


# --- latency ---


def drift(random: Random) -> Floats:
    """Relative times, [pictures, repeats]."""
    start, slope = random.uniform(-0.003, 0.003, 2)
    moving = np.linspace(0, 1, PICTURES * HARDWARE_REPEAT).reshape(PICTURES, -1)
    times: Floats = 1 + start + slope * moving + 0.001 * random.standard_normal(moving.shape)
    return times


def two_modes(random: Random) -> Floats:
    return 0.015 * (random.random((PICTURES, HARDWARE_REPEAT)) < 0.3).astype(np.float64)


def tail(random: Random) -> Floats:
    held = random.random((PICTURES, HARDWARE_REPEAT)) < 0.05
    late: Floats = np.minimum(1.0, 0.02 * (1 + random.pareto(1.5, held.shape)))
    return held * late


LASTING = "drift, bimodal by picture"
LATENCIES: dict[str, Callable[[Random], Floats]] = {
    "drift": drift,
    "drift, bimodal": lambda random: drift(random) + two_modes(random),
    LASTING: lambda random: drift(random) + two_modes(random)[:, :1],
    "drift, heavy tail": lambda random: drift(random) + tail(random),
    "drift, bimodal, heavy tail": lambda random: drift(random) + two_modes(random) + tail(random),
}


def timed(random: Random, noise: Callable[[Random], Floats], slower: float = 0.0) -> list[list[int]]:
    values: list[list[int]] = np.rint(CYCLES * (1 + slower) * noise(random)).astype(int).tolist()
    return values


# --- accuracy ---


def figures(random: Random, pictures: int) -> Floats:
    """OKS of a network on photographs: most are good, some are not."""
    return random.beta(2.5, 1.2, pictures)


def moved(random: Random, oks: Floats, loss: float = 0.0) -> Floats:
    """The same pictures in another run, `loss` lower on average."""
    moves = random.random(len(oks)) < 0.3
    flips = random.random(len(oks)) < 0.01
    change = moves * (random.laplace(0, 0.03, len(oks)) - loss / 0.3)
    change += flips * 0.3 * random.choice([-1.0, 1.0], len(oks))
    return oks + change


def beside_golden(random: Random, pictures: int) -> Floats:
    """OKS with the golden: most are 1."""
    missed: Floats = np.abs(random.laplace(0, 0.01, pictures))
    return 1 - (random.random(pictures) < 0.3) * missed


# --- records ---


def record(
    oks: Floats, golden: Floats, cycles: list[list[int]] | None, network: str = "0", px: Floats | None = None
) -> dict[str, Any]:
    """What the gate reads of a record."""
    px = 20 * (1 - golden) if px is None else px
    images = [
        {
            "id": f"{i:06}",
            "input_crc32": i,
            "deterministic": True,
            "sha256": hashlib.sha256(str(i).encode()).hexdigest(),
            "keypoints_truth": None,
            "oks_vs_truth": float(oks[i]),
            "oks_vs_golden": float(golden[i]),
            "keypoint_error_px": {"mean": float(px[i]), "max": float(px[i])},
            "tensors": [{"elements": 1000, "differing": 0, "max_lsb": 0}],
            "timing": None if cycles is None else {"values": cycles[i]},
        }
        for i in range(len(oks))
    ]
    flat = sorted(value for each in cycles or () for value in each)
    quantiles = {f"p{p}": flat[-(-p * len(flat) // 100) - 1] for p in (50, 95)} if flat else {}
    firmware = {"sha256": "f" * 64, "version": "1", "backend": "runtime", "flash_bytes": 1, "ram_bytes": 1}
    board = {"name": "bench", "kind": "hardware", "mcu": "m", "core": "c", "clock_hz": 1, "firmware": firmware}
    model = {
        "board": "bench",
        "name": "net",
        "sha256": network * 64,
        "images": images,
        "keypoints": 17,
        "input_shape": [192, 192, 3],
        "golden": {"engine": "e", "version": "1", "resolver": "r"},
        "latency": {"source": "dwt", "unit": "cycles", **quantiles} if flat else None,
        "activation_bytes": 1,
        "weights_bytes": 1,
    }
    return {"boards": [board], "models": [model], "verdict": "passed"}


@dataclass(frozen=True)
class Found:
    """The metrics that got worse, and those that are unclear, by the gate."""

    worse: frozenset[str]
    unclear: frozenset[str]


def outcome(base: dict[str, Any], new: dict[str, Any]) -> Found:
    comparison = compare(runs_of([base]), run_of(new), Limits(), "baseline")
    assert not comparison.all_refusals
    judged = [metric for model in comparison.models for metric in model.metrics]
    worse, unclear = (
        frozenset(each.name for each in judged if each.outcome == wanted) for wanted in ("regression", "unclear")
    )
    return Found(worse, unclear)


def latency_run(random: Random, noise: Callable[[Random], Floats], slower: float) -> Found:
    oks = np.full(PICTURES, 0.9)
    return outcome(record(oks, oks, timed(random, noise)), record(oks, oks, timed(random, noise, slower)))


def accuracy_run(random: Random, pictures: int, loss: float) -> Found:
    """Of another network."""
    oks = figures(random, pictures)
    base = record(oks, beside_golden(random, pictures), None)
    return outcome(base, record(moved(random, oks, loss), beside_golden(random, pictures), None, network="1"))


#: Of the same network: the figures that one loss in turn is planted in.
LOSSES = ("oks_vs_truth", "oks_vs_golden", "keypoint_error_px", "tensor_differing", "tensor_lsb")


def spread(random: Random, pictures: int, mean: float) -> Floats:
    """Changes of pictures, of which some are for the better, with that mean."""
    changes = mean * (1 + random.standard_normal(pictures))
    return np.asarray(changes + (mean - changes.mean()))


def same_network_run(random: Random, pictures: int, lost: str) -> Found:
    """`lost`: one of LOSSES, a little more than its limit, or "" for nothing."""
    beyond = 1 + 0.1 * random.random() + 1e-9
    oks, golden, px = figures(random, pictures), beside_golden(random, pictures), random.random(pictures)
    new_oks, new_golden, new_px = oks, golden, px
    if lost == "oks_vs_truth":
        new_oks = oks - spread(random, pictures, 0.005 * beyond)
    elif lost == "oks_vs_golden":
        new_golden = golden - spread(random, pictures, 0.001 * beyond)
    elif lost == "keypoint_error_px":
        new_px = px + spread(random, pictures, 0.1 * beyond)
    base, new = record(oks, golden, None, px=px), record(new_oks, new_golden, None, px=new_px)
    key = {"tensor_differing": "differing", "tensor_lsb": "max_lsb"}.get(lost)
    if key:
        new["models"][0]["images"][random.integers(pictures)]["tensors"][0][key] = 1
    return outcome(base, new)


@dataclass(frozen=True)
class Row:
    """One line of the table: in `found` of `runs` something, or what was planted, was called a regression, in `unclear`
    nothing was, but something is unclear."""

    what: str
    planted: str
    runs: int
    found: int
    least: float | None  #: share of the planted that must be found; None where the rules promise none
    unclear: int = 0
    is_fact: bool = False  #: nothing may be unclear

    @property
    def kept(self) -> bool:
        if self.is_fact and self.unclear:
            return False
        if not self.planted:
            return self.found <= 0.001 * self.runs
        return self.least is None or self.found >= self.least * self.runs

    @property
    def cells(self) -> tuple[str, ...]:
        promised = "none promised" if self.least is None else f"at least {100 * self.least:g} %"
        return (
            *(self.what, self.planted or "nothing", str(self.runs), str(self.found)),
            f"{100 * self.found / self.runs:.2f} %",
            *(promised if self.planted else "at most 0.1 %", str(self.unclear)),
        )


HEADS = ("Noise", "Planted", "Runs", "Called a regression", "Share", "Wanted", "Else unclear")


def row(what: str, planted: str, found: Sequence[Found], metric: str, least: float | None) -> Row:
    """`metric`: what was planted, "" for nothing: any regression is a false alarm."""
    hits = [metric in each.worse if metric else bool(each.worse) for each in found]
    unclear = sum(bool(each.unclear) for each, hit in zip(found, hits, strict=True) if not hit)
    return Row(what, planted, len(found), sum(hits), least, unclear)


def latency_rows(what: str, identical: int, planted: int, seed: tuple[int, ...] = ()) -> Iterator[Row]:
    """One noise: identical builds, and those that are 2 % slower."""
    noise, random = LATENCIES[what], np.random.default_rng([*seed, 1, list(LATENCIES).index(what)])
    same = [latency_run(random, noise, 0.0) for _ in range(identical)]
    yield row(f"latency: {what}", "", same, "", None)
    slower = [latency_run(random, noise, 0.02) for _ in range(planted)]
    yield row(f"latency: {what}", "2 % slower", slower, "latency_p50", None if what == LASTING else 0.99)


def accuracy_rows(pictures: int, identical: int, planted: int, seed: tuple[int, ...] = ()) -> Iterator[Row]:
    """Another network that is as good, and one that loses a point of OKS."""
    what, random = f"another network, {_pictures(pictures)}", np.random.default_rng([*seed, 2, pictures])
    same = [accuracy_run(random, pictures, 0.0) for _ in range(identical)]
    yield row(what, "", same, "", None)
    worse = [accuracy_run(random, pictures, 0.01) for _ in range(planted)]
    yield row(what, "0.01 OKS less", worse, "oks_vs_truth", 0.95 if pictures == MANY else None)


def same_network_rows(pictures: int, identical: int, planted: int, seed: tuple[int, ...] = ()) -> Iterator[Row]:
    """The same network: identical builds, and those that lose a little more than is allowed, of each figure in turn."""
    what, random = f"same network, {_pictures(pictures)}", np.random.default_rng([*seed, 3, pictures])
    same = [same_network_run(random, pictures, "") for _ in range(identical)]
    yield replace(row(what, "", same, "", None), is_fact=True)
    rows = []
    for lost in LOSSES:
        runs = [same_network_run(random, pictures, lost) for _ in range(-(-planted // len(LOSSES)))]
        rows.append(row(what, "", runs, lost, None))
    runs, found, unclear = (sum(getattr(each, key) for each in rows) for key in ("runs", "found", "unclear"))
    yield Row(what, "just above a limit", runs, found, 1.0, unclear, is_fact=True)


def _pictures(count: int) -> str:
    return f"{count} picture{'s' if count > 1 else ''}"


def main() -> int:
    """Prints the table; exit code 1 when a promise is not kept."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    planted, seed = max(runs // 5, 1), tuple(map(int, sys.argv[2:3]))
    tables = [latency_rows(what, runs, planted, seed) for what in LATENCIES]
    tables += [same_network_rows(pictures, runs, planted, seed) for pictures in COUNTS]
    tables += [accuracy_rows(pictures, runs, planted, seed) for pictures in (PICTURES, MANY)]
    print(f"| {' | '.join(HEADS)} |", "|---" * len(HEADS) + "|", sep="\n")
    kept = True
    for row in itertools.chain(*tables):
        print(f"| {' | '.join(row.cells)} |", flush=True)
        kept = kept and row.kept
    return int(not kept)


if __name__ == "__main__":
    sys.exit(main())
