"""Shared by all tests of the project."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def fixtures_dir() -> Path:
    """The checkout's fixtures/ folder."""
    return Path(__file__).resolve().parent.parent / "fixtures"
