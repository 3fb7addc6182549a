"""Limits of the gate from a TOML file (docs/baselines.md)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.judge.gate_limits import Limit, Limits, parse_limits

MAX_FILE_BYTES = 1 << 20


def read_limits(path: Path) -> Limits:
    """Limits of a TOML file.

    Raises:
        ConfigError: missing, too big, not TOML, without a gate table, an unknown metric, a limit that is none.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.", remedy="Name a TOML file of limits.") from error
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError(f"{path} has {len(content)} bytes; limits are read up to {MAX_FILE_BYTES}.")
    try:
        document = tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # not only TOMLDecodeError: digits by the thousand, brackets too
        raise ConfigError(f"{path} is not valid TOML: {error}.") from error
    table = document.get("gate")
    if table is None:
        table = document
        for name in ("tool", "stm32pose", "gate"):
            table = table.get(name) if isinstance(table, dict) else None
    if not isinstance(table, dict):
        raise ConfigError(f"{path} has no table [gate].", remedy="See docs/baselines.md.")
    general = {key: value for key, value in table.items() if key not in ("board", "model")}
    return Limits(parse_limits(general, f"{path} [gate]"), _tables(table, "board", path), _tables(table, "model", path))


def _tables(table: Mapping[str, object], key: str, path: Path) -> dict[str, dict[str, Limit]]:
    found = table.get(key, {})
    if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
        raise ConfigError(f"{path}: [gate.{key}] must hold one table for each {key}.")
    return {name: parse_limits(each, f"{path} [gate.{key}.{name}]") for name, each in found.items()}
