"""What was tested: boards with their firmware, and the networks by checksum, plan and golden.

Input is the run record; every optional key may be absent.
"""

from __future__ import annotations

from collections.abc import Mapping

from pytest_stm32pose.report import figures, tables
from pytest_stm32pose.report.markup import Html, tag
from pytest_stm32pose.report.tables import Entry, facts


def boards(record: Entry) -> Html | None:
    """One card per board."""
    found = tables.entries(record, "boards")
    return tag("div", *(_board(board) for board in found), class_="pose-columns") if found else None


def _board(board: Entry) -> Html:
    firmware, flash = board.get("firmware") or {}, board.get("flash") or {}
    chip = " \N{MIDDLE DOT} ".join(str(value) for value in (board.get("mcu"), board.get("core")) if value)
    pairs = [
        ("Chip", chip or figures.MISSING),
        ("Kind", figures.text(board.get("kind"))),
        ("Clock", figures.megahertz(board.get("clock_hz"))),
        ("Caches", figures.text(board.get("caches"))),
        ("Probe", figures.text(board.get("probe_uid"))),
        ("Firmware", ", ".join(str(firmware[key]) for key in ("version", "backend") if firmware.get(key))),
        ("Kernels", figures.text(firmware.get("kernels"))),
        ("Firmware SHA-256", tag("code", figures.short_hash(firmware.get("sha256")), title=firmware.get("sha256"))),
        ("Programming", _programming(flash)),
    ]
    return tag("div", tag("h3", f"Board {figures.text(board.get('name'))}"), facts(pairs), class_="pose-card")


def _programming(flash: Entry) -> str:
    if not flash:
        return figures.MISSING
    if not flash.get("bytes_written") and not flash.get("skipped"):
        return "nothing was programmed in this run"
    took = f" in {figures.seconds(flash.get('seconds'))}"
    if flash.get("skipped"):
        return f"already on the target, 0 bytes written{took}"
    return f"{figures.size(flash.get('bytes_written'))} written and verified{took}"


def network_parts(model: Entry) -> list[Html]:
    """What one network is."""
    golden = model.get("golden") or {}
    shape = " \N{MULTIPLICATION SIGN} ".join(str(side) for side in model.get("input_shape") or ()) or figures.MISSING
    engine = " ".join(str(golden[key]) for key in ("engine", "version", "resolver") if golden.get(key))
    pairs: list[tuple[str, object]] = [
        ("SHA-256", tag("code", figures.short_hash(model.get("sha256")), title=model.get("sha256"))),
        ("Family", figures.text(model.get("family"))),
        ("Input", shape),
        ("Keypoints", figures.count(model.get("keypoints"))),
        ("MACC", figures.count(model.get("macc"))),
        ("Plan", figures.text(model.get("plan"))),
        ("Preprocessing", figures.text(model.get("preprocessing"))),
        ("Golden", engine or figures.MISSING),
        ("Golden store", figures.text(golden.get("store"))),
    ]
    return [facts([*pairs, *_device_model(model)])]


def _device_model(model: Entry) -> list[tuple[str, object]]:
    """What a firmware that is not ours says of its network."""
    told = model.get("device_model")
    if not isinstance(told, Mapping):
        return []
    return [
        ("Asked in", figures.text(told.get("protocol"))),
        ("Device's network", figures.text(told.get("name"))),
        ("Signature", figures.text(told.get("signature"))),
        ("Device's runtime", figures.text(told.get("runtime"))),
        ("Device's MACC", figures.count(told.get("macc"))),
        ("Device's nodes", figures.count(told.get("nodes"))),
        ("Limits", figures.text(told.get("limits"))),
    ]


def provenance(record: Entry) -> Html:
    """When, by which version, on which host."""
    plugin, host = record.get("plugin") or {}, record.get("host") or {}
    words = [
        f"Run started {figures.text(record.get('started'))}",
        f"pytest-stm32pose {figures.text(plugin.get('version'))} ({figures.short_hash(plugin.get('commit'))})",
    ]
    words += [f"{key} {value}" for key, value in host.items() if isinstance(value, (str, int, float))]
    return tag("p", " \N{MIDDLE DOT} ".join(words), class_="pose-note")
