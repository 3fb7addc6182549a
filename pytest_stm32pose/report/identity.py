"""What was tested: boards with their firmware, and the networks by checksum, plan and golden."""

from __future__ import annotations

from pytest_stm32pose.entries.model import ModelEntry
from pytest_stm32pose.entries.run import BoardEntry, FlashEntry, RunEntry
from pytest_stm32pose.report import figures
from pytest_stm32pose.report.markup import Html, tag
from pytest_stm32pose.report.tables import facts


def boards(record: RunEntry) -> Html | None:
    """One card per board."""
    return tag("div", *map(_board, record.boards), class_="pose-columns") if record.boards else None


def _board(board: BoardEntry) -> Html:
    firmware = board.firmware
    chip = " \N{MIDDLE DOT} ".join(word for word in (board.mcu, board.core) if word)
    pairs = [
        ("Chip", chip or figures.MISSING),
        ("Kind", figures.text(board.kind)),
        ("Clock", figures.megahertz(board.clock_hz)),
        ("Caches", figures.text(board.caches)),
        *([("External memories", figures.text(board.memories))] if board.memories else []),
        ("Probe", figures.text(board.probe_uid)),
        ("Firmware", ", ".join(word for word in (firmware.version, firmware.backend) if word)),
        ("Kernels", figures.text(firmware.kernels)),
        ("Firmware SHA-256", tag("code", figures.short_hash(firmware.sha256), title=firmware.sha256)),
        ("Programming", _programming(board.flash)),
    ]
    return tag("div", tag("h3", f"Board {figures.text(board.name)}"), facts(pairs), class_="pose-card")


def _programming(flash: FlashEntry) -> str:
    if not flash.bytes_written and not flash.skipped:
        return "nothing was programmed in this run"
    took = f" in {figures.seconds(flash.seconds)}"
    if flash.skipped:
        return f"already on the target, 0 bytes written{took}"
    return f"{figures.size(flash.bytes_written)} written and verified{took}"


def network_parts(model: ModelEntry) -> list[Html]:
    """What one network is."""
    golden = model.golden
    engine = " ".join(word for word in (golden.engine, golden.version, golden.resolver) if word)
    pairs: list[tuple[str, object]] = [
        ("SHA-256", tag("code", figures.short_hash(model.sha256), title=model.sha256)),
        ("Family", figures.text(model.family)),
        ("Input", " \N{MULTIPLICATION SIGN} ".join(map(str, model.input_shape))),
        ("Keypoints", figures.count(model.keypoints)),
        ("MACC", figures.count(model.macc)),
        ("Plan", figures.text(model.plan)),
        *_places(model),
        ("Preprocessing", figures.text(model.preprocessing)),
        *([("Decoding", figures.text(model.decoding))] if model.decoding else []),
        ("Golden", engine or figures.MISSING),
        ("Golden store", figures.text(golden.store)),
    ]
    return [facts([*pairs, *_device_model(model)])]


def _places(model: ModelEntry) -> list[tuple[str, object]]:
    """Where weights and arena were, as far as the firmware told."""
    told = model.places
    return [("Weights in", figures.text(told.weights)), ("Arena in", figures.text(told.arena))] if told else []


def _device_model(model: ModelEntry) -> list[tuple[str, object]]:
    """What a firmware that is not ours says of its network."""
    told = model.device_model
    if told is None:
        return []
    return [
        ("Asked in", figures.text(told.protocol)),
        ("Device's network", figures.text(told.name)),
        ("Signature", figures.text(told.signature)),
        ("Device's runtime", figures.text(told.runtime)),
        ("Device's MACC", figures.count(told.macc)),
        ("Device's nodes", figures.count(told.nodes)),
        ("Limits", figures.text(told.limits)),
    ]


def provenance(record: RunEntry) -> Html:
    """When, by which version, on which host."""
    plugin = record.plugin
    words = [
        f"Run started {figures.text(record.started)}",
        f"pytest-stm32pose {figures.text(plugin.version)} ({figures.short_hash(plugin.commit)})",
    ]
    words += [f"{key} {value}" for key, value in record.host.items() if isinstance(value, (str, int, float))]
    return tag("p", " \N{MIDDLE DOT} ".join(words), class_="pose-note")
