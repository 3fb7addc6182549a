"""Shared by all tests of the project."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.order import seconds_of

#: Children of tests are runs of pytest as users start them; the plugin of hypothesis, which none needs, loads it all.
_CHILDREN = "-p no:hypothesispytest"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Workers take the files that last longest first, so that they end together; files stay whole."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: -seconds_of(item.path))


@pytest.fixture(scope="session", autouse=True)
def own_lock_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Made-up probes leave no locks among those of real ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STM32POSE_LOCK_DIR", str(tmp_path_factory.mktemp("locks")))
        yield


@pytest.fixture(scope="session", autouse=True)
def children_start_soon(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Processes that tests start share compiled modules and networks, whatever the environment says of keeping them.

    Without, each compiles all of pytest's plugins and of this package anew, which takes longer than what it tests. What
    the user's own cache has makes no difference, and nothing is left there.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if hasattr(pytestconfig, "workerinput") else base
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patch.setenv("PYTHONPYCACHEPREFIX", str(shared / "compiled-modules"))
        patch.setenv("STM32POSE_CACHE", str(shared / "compiled-networks"))
        patch.setenv("PYTEST_ADDOPTS", f"{os.environ.get('PYTEST_ADDOPTS', '')} {_CHILDREN}".strip())
        yield


@pytest.fixture(scope="session")
def fixtures_dir() -> Path:
    """The checkout's fixtures/ folder."""
    return Path(__file__).resolve().parent.parent / "fixtures"
