"""`<name>_validate_report.txt`, what `stedgeai validate` writes: the network, the device, durations, errors of outputs.

The text is made for people and differs between versions; what is not found is None. Tables are told by their headings
("Evaluation report (summary)", "ST.AI Profiling results"), values by their labels.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pytest_stm32pose.errors import ConfigError

MAX_FILE_BYTES = 16 << 20
#: What is longer in a line is not looked at.
MAX_LINE = 1000
_VERSION = re.compile(r"^[ \t]*ST Edge AI Core v(\S+(?: [0-9a-f]{6,})?)", re.MULTILINE)
_FIELD = re.compile(r"^[ \t]*([\w./ ()#]{1,40}?)[ \t]*:[ \t]+(\S.{0,300}?)[ \t]*$", re.MULTILINE)
_INPUT = re.compile(
    r"^[ \t]*input 1/(\d+)[ \t]*:[ \t]*'([^']{0,200})',[ \t]*(\w+)\((\d{1,9}(?:x\d{1,9}){0,7})\)", re.MULTILINE
)
_NUMBER = re.compile(r"\d{1,3}(?:,\d{3}){1,5}|\d{1,15}")
_DURATION = re.compile(
    r"^[ \t]*duration[ \t]*:[ \t]*([\d.]+) ms by sample(?:[ \t]*\(([\d.]+)/([\d.]+)/([\d.]+)\))?", re.MULTILINE
)
_CLOCK = re.compile(r"@[ \t]*(\d{1,5}(?:\.\d+)?)(?:/\d+(?:\.\d+)?)?[ \t]*MHz", re.IGNORECASE)
_MODE = re.compile(r"mode[ \t]*=[ \t]*(HOST|TARGET)", re.IGNORECASE)
_METRIC_NAMES = ("acc", "rmse", "mae", "l2r", "mean", "std", "nse", "cos")
_CROSS = re.compile(
    r"^[ \t]*X-cross #(\d{1,4})[ \t]+" + r"(\S{1,40})[ \t]+" * len(_METRIC_NAMES) + "'([^'\n]{0,200})'", re.MULTILINE
)


@dataclass(frozen=True)
class Duration:
    """Of an inference, in milliseconds, over all samples. The bounds are None in short reports."""

    mean_ms: float
    min_ms: float | None
    max_ms: float | None


@dataclass(frozen=True)
class OutputError:
    """How far an output of the generated code is from the reference, in the report's own measures."""

    number: int
    tensor: str
    metrics: dict[str, float]


@dataclass(frozen=True)
class ValidateReport:
    """The figures. None and "" where the report does not say.

    Attributes:
        on_target: measured on a board; False on the computer, None where it is not said.
        input_shape: as written, batch first.
    """

    path: Path
    tool_version: str
    model_name: str
    model_hash: str
    model_file: str
    series: str
    input_shape: tuple[int, ...]
    macc: int | None
    weights_bytes: int | None
    activations_bytes: int | None
    nodes: int | None
    samples: int | None
    duration: Duration | None
    clock_hz: int | None
    device: str
    runtime: str
    on_target: bool | None
    outputs: tuple[OutputError, ...]


def read_validate_report(path: Path) -> ValidateReport:
    """Reads a report.

    Raises:
        ConfigError: unreadable, too long, or no report of ST's validation.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigError(f"{path} is longer than {MAX_FILE_BYTES >> 20} MiB.")
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    text = "\n".join(line[:MAX_LINE] for line in lines)
    fields: dict[str, str] = {}
    for key, value in _FIELD.findall(text):
        fields.setdefault(" ".join(key.split()), value)
    version = _VERSION.search(text)
    if version is None and "model_name" not in fields:
        raise ConfigError(
            f"{path} is no report of ST's validation.", remedy="Give <name>_validate_report.txt of stedgeai validate."
        )
    shape = _INPUT.search(text)
    device = fields.get("device.desc", fields.get("device", ""))
    clock = _CLOCK.search(device) or _CLOCK.search(text)
    modes = {mode.upper() for mode in _MODE.findall(text)}
    return ValidateReport(
        path=path,
        tool_version=version[1] if version else "",
        model_name=fields.get("model_name", ""),
        model_hash=fields.get("model_hash", ""),
        model_file=re.split(r"[\\/]", fields.get("model file", ""))[-1],
        series=fields.get("target/series", ""),
        input_shape=tuple(map(int, shape[4].split("x"))) if shape else (),
        macc=_count(fields.get("macc")),
        weights_bytes=_count(fields.get("weights (ro)", fields.get("weights"))),
        activations_bytes=_count(fields.get("activations (rw)", fields.get("activations"))),
        nodes=_count(fields.get("n_nodes", fields.get("c_nodes"))),
        samples=_count(fields.get("nb sample(s)")),
        duration=_duration(text),
        clock_hz=round(float(clock[1]) * 1e6) if clock else None,
        device=device,
        runtime=fields.get("runtime lib", ""),
        on_target=None if len(modes) != 1 else "TARGET" in modes,
        outputs=tuple(_outputs(text)),
    )


def _count(text: str | None) -> int | None:
    found = _NUMBER.match(text) if text else None
    return int(found[0].replace(",", "")) if found else None


def _duration(text: str) -> Duration | None:
    found = _DURATION.search(text)
    values = [_float(each) for each in found.groups()[:3]] if found else []
    if not values or values[0] is None:
        return None
    return Duration(values[0], values[1], values[2])


def _outputs(text: str) -> list[OutputError]:
    """The last table counts: a report may hold one per step."""
    last = text.rfind("Evaluation report (summary)")
    found = []
    for number, *values, tensor in _CROSS.findall(text[max(last, 0) :]):
        metrics = {
            name: value
            for name, text_ in zip(_METRIC_NAMES, values, strict=True)
            if (value := _float(text_)) is not None
        }
        found.append(OutputError(int(number), tensor, metrics))
    return found


def _float(text: str | None) -> float | None:
    """None for "n.a."; percent as it is."""
    try:
        value = float((text or "").rstrip("%"))
    except ValueError:
        return None
    return value if abs(value) < 1e15 else None
