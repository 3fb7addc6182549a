"""Shared by all tests of the project."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def own_lock_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Made-up probes leave no locks among those of real ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STM32POSE_LOCK_DIR", str(tmp_path_factory.mktemp("locks")))
        yield


@pytest.fixture(scope="session")
def fixtures_dir() -> Path:
    """The checkout's fixtures/ folder."""
    return Path(__file__).resolve().parent.parent / "fixtures"
