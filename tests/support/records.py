"""Run records for tests: documents as JSON has them, which a test may change, become the typed entries that code takes.

What a document lacks of the required keys is filled in, so that a test says only what it is about.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pytest_stm32pose.entries.codec import Entry
from pytest_stm32pose.entries.model import ModelEntry, NetworkEntry
from pytest_stm32pose.entries.picture import ImageEntry, WhereEntry
from pytest_stm32pose.entries.run import SCHEMA, BoardEntry, RunEntry
from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.record.parts import MeasuredNetwork, MeasuredPicture, OperatorCost, RunPart, record_of
from pytest_stm32pose.record.read import check_record

Document = Mapping[str, Any]

_RUN: Document = {
    "schema": SCHEMA,
    "started": "2026-01-02T03:04:05+00:00",
    "plugin": {"version": "0", "commit": None},
    "host": {},
    "boards": [],
    "models": [],
    "verdict": "passed",
    "reasons": [],
}
_FIRMWARE: Document = {
    **dict.fromkeys(("path", "sha256", "flash_bytes", "ram_bytes")),
    **dict.fromkeys(("version", "backend"), ""),
}
_BOARD: Document = {
    **{"name": "b", "mcu": "", "core": "", "kind": "virtual", "probe_uid": None, "clock_hz": 0},
    "flash": {"bytes_written": 0, "skipped": True, "seconds": 0.0},
}
_MODEL: Document = {
    **{"board": "b", "name": "n", "family": "none", "sha256": "0" * 64, "input_shape": [1, 1, 1], "keypoints": 13},
    **dict.fromkeys(("macc", "weights_bytes", "activation_bytes", "network_image_bytes"), 0),
    "latency": None,
}
_GOLDEN: Document = {"engine": "", "version": "", "resolver": "", "store": "live"}
_TIMING: Document = {"source": "icount", "unit": "instructions", "values": [], "upload_s": 0.0, "download_s": 0.0}
_ACCURACY: Document = dict.fromkeys(("oks_vs_golden", "oks_vs_truth", "map50_vs_truth", "pck"))
_PICTURE: Document = {
    **{"id": "a", "sha256": "0" * 64, "keypoint_error_px": {"mean": None, "max": None}, "timing": None},
    **dict.fromkeys(("keypoints_device", "keypoints_golden", "keypoints_truth", "oks_vs_golden", "oks_vs_truth")),
}
_TENSOR: Document = {"name": "t", "elements": 100, "differing": 0, "max_lsb": 0}
_DIVERGENCE: Document = {
    **{"stage": "output", "op_index": -1, "op_name": "", "tensor": -1, "elements": 0, "differing": 0, "max_lsb": None},
    **{"detail": "", "where": None},
}
_BUDGET: Document = {"name": "tensor_lsb_max", "limit": 0, "measured": 0, "unit": "LSB", "passed": True}
_LATENCY: Document = {
    **{"source": "icount", "unit": "instructions", "ms_p50": None},
    **dict.fromkeys(("clock_hz", "n", "p50", "p95", "p99", "max"), 1),
}


def run_of(document: Document | RunEntry) -> RunEntry:
    """A whole record."""
    if isinstance(document, RunEntry):
        return document
    filled = {**_RUN, **document}
    boards, models = map(_board, filled["boards"]), map(_model, filled["models"])
    return RunEntry.from_json({**filled, "boards": list(boards), "models": list(models)}, "the test's record")


def document_of(entry: Entry) -> dict[str, Any]:
    """As JSON has it, for a test to look at and to change."""
    return dict(entry.to_json())


def read(document: Document) -> RunEntry | None:
    """The record of a file that holds this; None where it is refused, in one sentence."""
    try:
        return check_record(json.dumps(document).encode(), "the file")
    except ConfigError as error:
        assert str(error).startswith("the file is not a "), error
        assert "\n" not in str(error)
        return None


def runs_of(documents: Iterable[Document | RunEntry]) -> list[RunEntry]:
    return [run_of(each) for each in documents]


def board_of(document: Document | None) -> BoardEntry | None:
    return None if document is None else BoardEntry.from_json(_board(document), "the test's board")


def model_of(document: Document) -> ModelEntry:
    """A network on a board."""
    return ModelEntry.from_json(_model(document), "the test's network")


def picture_of(document: Document) -> ImageEntry:
    return ImageEntry.from_json(_picture(document), "the test's picture")


def pictures_of(documents: Iterable[Document]) -> list[ImageEntry]:
    return [picture_of(each) for each in documents]


def where_of(document: Document) -> WhereEntry:
    """A map of differences; of 16 x 16 places where the test does not say."""
    return WhereEntry.from_json({"height": 16, "width": 16, "channels": [], **document}, "the test's map")


def _board(document: Document) -> dict[str, Any]:
    return {**_BOARD, **document, "firmware": {**_FIRMWARE, **document.get("firmware", {})}}


def _model(document: Document) -> dict[str, Any]:
    filled = {**_MODEL, "images": (), "budgets": (), **document}
    return {
        **filled,
        "images": [_picture(each) for each in filled["images"]],
        "budgets": [{**_BUDGET, **each} for each in filled["budgets"]],
        "golden": {**_GOLDEN, **document.get("golden", {})},
        "accuracy": {**_ACCURACY, **document.get("accuracy", {})},
        "latency": filled["latency"] and {**_LATENCY, **filled["latency"]},
    }


def _picture(document: Document) -> dict[str, Any]:
    filled: dict[str, Any] = {**_PICTURE, "tensors": (), **document}
    filled["tensors"] = [{**_TENSOR, **each} for each in filled["tensors"]]
    filled["timing"] = filled["timing"] and {**_TIMING, **filled["timing"]}
    if filled.get("first_divergence"):
        filled["first_divergence"] = {**_DIVERGENCE, **filled["first_divergence"]}
    return filled


# --- what processes of a run measured ---


def part_of(document: Document, ticks: Mapping[str, Sequence[tuple[int, int]]] | None = None) -> RunPart:
    """A process that measured what a record says.

    Args:
        ticks: of operators, by picture.
    """
    found = run_of(document)
    return RunPart(
        started=found.started,
        commit=found.plugin.commit,
        boards=found.boards,
        networks=tuple(_measured(model, ticks or {}) for model in found.models),
        outcomes=tuple((str(found.verdict), reason) for reason in found.reasons or ("",)),
        zoo=found.zoo,
        reruns=found.reruns,
        notes=found.notes,
        ran=True,
        skipped=(),
    )


def _measured(model: ModelEntry, ticks: Mapping[str, Sequence[tuple[int, int]]]) -> MeasuredNetwork:
    clock_hz = model.latency.clock_hz if model.latency else 0
    return MeasuredNetwork(
        network=NetworkEntry(**model.fields),
        pictures=tuple(MeasuredPicture(each, clock_hz, tuple(ticks.get(each.id, ()))) for each in model.images),
        operators=tuple(
            OperatorCost(each.index, each.name, each.macs or 0, each.arena_bytes or 0) for each in model.operators
        ),
        budgets=model.budgets,
        own_budgets=(),
        device_model=model.device_model,
        memory=model.memory,
    )


def merged(documents: Sequence[Document | RunPart], order: Sequence[str] | None = ()) -> dict[str, Any]:
    """The record of processes that measured what these records say, as JSON, after a way over the wire."""
    parts = [each if isinstance(each, RunPart) else part_of(each) for each in documents]
    sent = [RunPart.from_json(part.to_json(), "a part") for part in parts]
    assert sent == parts
    return document_of(record_of(sent, order))
