"""Reads fixtures/wire/cases.toml, the table of wire cases that drives the tests of both sides."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

TABLE = Path(__file__).resolve().parents[2] / "fixtures" / "wire" / "cases.toml"


def unhex(text: str) -> bytes:
    """Bytes of "0102 300*ff 00"."""
    out = bytearray()
    for word in text.split():
        count, star, value = word.partition("*")
        out += bytes.fromhex(value) * int(count) if star else bytes.fromhex(word)
    return bytes(out)


def cases(kind: str) -> list[dict[str, Any]]:
    """The cases of one kind: cobs, stream, message, request."""
    found = tomllib.loads(TABLE.read_text(encoding="utf-8"))[kind]
    assert found
    return list(found)


def name(case: dict[str, Any]) -> str:
    return str(case["name"])
