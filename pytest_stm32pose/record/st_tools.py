"""`stm32pose st report`: what ST's own tools measured, as a run record, for gate, history and report.

The report of the code generation alone gives sizes; that of a validation adds durations, its arrays the outputs of each
sample. Nothing is measured here and nothing is judged: the verdict only says that the files could be read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_stm32pose.entries.model import AccuracyEntry, DeviceModelEntry, GoldenEntry, ModelEntry
from pytest_stm32pose.entries.picture import ErrorEntry, ImageEntry, TensorEntry
from pytest_stm32pose.entries.run import BoardEntry, FirmwareEntry, FlashEntry, RunEntry
from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.firmware.c_info import CInfo, read_c_info
from pytest_stm32pose.firmware.validate_io import ValidateIo, read_validate_io
from pytest_stm32pose.firmware.validate_report import ValidateReport, read_validate_report
from pytest_stm32pose.metrics.latency import summarise
from pytest_stm32pose.record.plain import latency_entry, network_entry, timing_entry
from pytest_stm32pose.record.write import build_record
from pytest_stm32pose.types import NetworkDescription, Timing

if TYPE_CHECKING:
    from pytest_stm32pose.boards.catalog import BoardSpec

PROTOCOL = "ST Edge AI Core's reports"
#: The entry that stands for all samples, where the files have none of them.
NO_PICTURE = "all samples of ST's report"
LIMITS = (
    "Read from ST's reports: no keypoints. The durations are the least, the mean and the largest of ST's samples, all "
    "with the first picture."
)
_NOTHING = hashlib.sha256(b"").hexdigest()
_UNKNOWN = "unknown"
_MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class StFiles:
    """What was given, one of each kind at most."""

    info: CInfo | None = None
    report: ValidateReport | None = None
    arrays: ValidateIo | None = None


def read_files(paths: Sequence[Path]) -> StFiles:
    """Tells ST's files apart by their endings and reads them.

    Raises:
        ConfigError: a file of no known kind, two of one, files that do not belong together, or what a reader says.
    """
    found: dict[str, Any] = {}
    for path in paths:
        kind, read = _kind(path)
        if kind in found:
            raise ConfigError(
                f"{found[kind].path} and {path} are of one kind.", remedy="Give the files of one network."
            )
        found[kind] = read(path)
    files = StFiles(**found)
    if files.info is None and files.report is None:
        raise ConfigError(
            "Arrays alone do not say whose they are.", remedy="Give network_c_info.json or network_validate_report.txt."
        )
    hashes = [each.model_hash for each in (files.info, files.report) if each and each.model_hash]
    if len({text.lower() for text in hashes}) > 1:
        raise ConfigError(
            f"The files are of two networks: their signatures are {' and '.join(hashes)}.",
            remedy="Give the files of one network.",
        )
    return files


def _kind(path: Path) -> tuple[str, Any]:
    kinds = {
        ".json": ("info", read_c_info),
        ".txt": ("report", read_validate_report),
        ".npz": ("arrays", read_validate_io),
    }
    if path.suffix.lower() not in kinds:
        raise ConfigError(
            f"{path} is none of ST's files.",
            remedy="Give <name>_c_info.json, <name>_validate_report.txt or <name>_val_io.npz.",
        )
    return kinds[path.suffix.lower()]


def st_record(
    files: StFiles, *, name: str = "", board: BoardSpec | None = None, described: NetworkDescription | None = None
) -> RunEntry:
    """The record of one network.

    Args:
        files: see read_files.
        name: of the network in the record; default what ST's files call it.
        board: of the catalog, for its chip and clock; None takes what the files say.
        described: of the .tflite, for hash, family and input; None takes what the files say.
    """
    series = next((each.series for each in (files.report, files.info) if each and each.series), "")
    where = board.name if board else series or _UNKNOWN
    clock_hz = (files.report.clock_hz if files.report else None) or (board.clock_hz if board else 0)
    version = next((each.tool_version for each in (files.info, files.report) if each and each.tool_version), "")
    entry = BoardEntry(
        name=where,
        mcu=board.mcu if board else series or _UNKNOWN,
        core=board.core if board else _UNKNOWN,
        kind="hardware",
        probe_uid=None,
        clock_hz=clock_hz,
        firmware=FirmwareEntry(None, None, version, "st-report", files.info.kernel_flash_bytes if files.info else None,
                               files.info.kernel_ram_bytes if files.info else None, ""),
        flash=FlashEntry(0, True, 0.0),
    )  # fmt: skip
    timing = _timing(files.report, clock_hz)
    images = _images(files, timing)
    golden = GoldenEntry("ST Edge AI Core", version, "reference model", "live")
    network = network_entry(where, _description(files, name, described), golden, "stretch", None)
    model = ModelEntry(
        **network.fields,
        images=tuple(images),
        accuracy=AccuracyEntry(None, None, None, None),
        latency=latency_entry(summarise([timing] if timing and images else [])),
        budgets=(),
        device_model=_device_model(files, version),
    )
    return build_record(
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        boards=[entry],
        models=[model],
        verdict="passed",
        reasons=[],
    )


def _first(*values: int | None) -> int:
    """The first that is known; the record has 0 for none."""
    return next((value for value in values if value is not None), 0)


def _sizes(files: StFiles) -> tuple[int, int, int]:
    """Multiply-accumulates, bytes of weights, bytes of activations and io."""
    info, report = files.info, files.report
    activations = None
    if info and info.activations_bytes is not None:
        activations = info.activations_bytes + (info.io_bytes or 0)
    return (
        _first(info.macc if info else None, report.macc if report else None),
        _first(info.weights_bytes if info else None, report.weights_bytes if report else None),
        _first(activations, report.activations_bytes if report else None),
    )


def _description(files: StFiles, name: str, described: NetworkDescription | None) -> NetworkDescription:
    known = next((each for each in (files.info, files.report) if each and each.model_name), None)
    signature = next((each.model_hash for each in (files.info, files.report) if each and each.model_hash), "")
    called = name or (described.name if described else "") or (known.model_name if known else "") or "network"
    macc, weights, activations = _sizes(files)
    return NetworkDescription(
        name=called,
        sha256=described.sha256
        if described
        else hashlib.sha256(f"{called} {signature}".encode(errors="replace")).hexdigest(),
        family=described.family if described else "none",
        keypoints=described.keypoints if described else 0,
        input_shape=described.input_shape if described else _input_shape(files),
        input_dtype=described.input_dtype if described else "",
        macc=macc,
        weights_bytes=weights,
        activation_bytes=activations,
        network_image_bytes=0,
    )


def _input_shape(files: StFiles) -> tuple[int, int, int]:
    """Height, width, channels, from the report or the arrays; ones where nothing says it."""
    shape = files.report.input_shape if files.report else ()
    if not shape and files.arrays and files.arrays.inputs:
        shape = next(iter(files.arrays.inputs.values())).shape
    inner = [max(1, size) for size in shape[1:]][-3:]
    height, width, channels = [1] * (3 - len(inner)) + inner
    return height, width, channels


def _device_model(files: StFiles, version: str) -> DeviceModelEntry:
    report, info = files.report, files.info
    macc, weights, activations = _sizes(files)
    return DeviceModelEntry(
        protocol=PROTOCOL,
        name=next((each.model_name for each in (info, report) if each and each.model_name), ""),
        signature=next((each.model_hash for each in (info, report) if each and each.model_hash), ""),
        compiled="",
        runtime=report.runtime if report else "",
        tool_version=version,
        macc=macc,
        nodes=_first(info.nodes if info else None, report.nodes if report else None),
        activation_bytes=activations,
        weights_bytes=weights,
        limits=_limits(report),
    )


def _limits(report: ValidateReport | None) -> str:
    """With the report's own measures of each output, which the record has no place for."""
    errors = [
        f"{output.tensor}: {', '.join(f'{name} {value:g}' for name, value in output.metrics.items())}"
        for output in (report.outputs if report else ())
    ]
    return f"{LIMITS} ST's measures: {'; '.join(errors)}." if errors else LIMITS


def _images(files: StFiles, timing: Timing | None) -> list[ImageEntry]:
    """The first has the timing, which is of all."""
    if files.arrays is None:
        tensors = [TensorEntry(output.tensor, 0, 0, None) for output in (files.report.outputs if files.report else ())]
        return [_image(NO_PICTURE, _NOTHING, tensors, timing)]
    return [
        _image(
            f"sample {index:04d}",
            _sample_sha256(files.arrays, index),
            _tensors(files, index),
            timing if not index else None,
        )
        for index in range(files.arrays.samples)
    ]


def _image(identity: str, sha256: str, tensors: Sequence[TensorEntry], timing: Timing | None) -> ImageEntry:
    return ImageEntry(
        id=identity,
        sha256=sha256,
        width_px=0,
        height_px=0,
        keypoints_device=None,
        keypoints_golden=None,
        keypoints_truth=None,
        oks_vs_golden=None,
        oks_vs_truth=None,
        keypoint_error_px=ErrorEntry(None, None),
        tensors=tuple(tensors),
        timing=timing_entry(timing) if timing else None,
    )


def _timing(report: ValidateReport | None, clock_hz: int) -> Timing | None:
    """None for durations of the computer that ran the tool."""
    if report is None or report.duration is None or report.on_target is False:
        return None
    duration = report.duration
    values = [value for value in (duration.min_ms, duration.mean_ms, duration.max_ms) if value is not None]
    if clock_hz:
        return Timing("dwt", "cycles", clock_hz, tuple(round(value * clock_hz / 1000) for value in values))
    return Timing("st-report", "us", _MICROSECONDS, tuple(round(value * 1000) for value in values))


def _sample_sha256(arrays: ValidateIo, index: int) -> str:
    """Of the sample's inputs; without them, of what the reference made of it."""
    digest = hashlib.sha256()
    for array in list(arrays.inputs.values()) or [reference for reference, _ in arrays.outputs.values()]:
        digest.update(array[index].tobytes())
    return digest.hexdigest()


def _tensors(files: StFiles, index: int) -> list[TensorEntry]:
    """Of whole numbers the distance is in LSB; floats have none that is known here."""
    import numpy as np

    assert files.arrays is not None
    names = {output.number: output.tensor for output in (files.report.outputs if files.report else ())}
    found = []
    for number, (reference, got) in files.arrays.outputs.items():
        want, have = reference[index], got[index]
        whole = want.dtype.kind in "iu" and have.dtype.kind in "iu"
        differing = int(np.count_nonzero(~((want == have) | ((want != want) & (have != have)))))
        worst = int(np.abs(want.astype(np.int64) - have.astype(np.int64)).max(initial=0)) if whole else None
        found.append(TensorEntry(names.get(number, f"output {number}"), int(want.size), differing, worst))
    return found
