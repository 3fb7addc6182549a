"""`--collect-only`: which tests there are, without compiling a network or opening a picture.

Names are looked up: a board, network or folder of pictures that is not there has no tests. What is in their files is
looked at when something is to run, before a board is taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_stm32pose.plugin.stash import SETTINGS, run_of

if TYPE_CHECKING:
    from pytest_stm32pose.run.request import RunRequest

_REQUEST = pytest.StashKey["RunRequest"]()
_IDS = pytest.StashKey[tuple[str, ...]]()


def request_of(config: pytest.Config) -> RunRequest:
    """What the options of this process ask for, made on first use."""
    if _REQUEST not in config.stash:
        from pytest_stm32pose.run.request import RunRequest

        config.stash[_REQUEST] = RunRequest(config.stash[SETTINGS], config.rootpath)
    return config.stash[_REQUEST]


def list_only(config: pytest.Config) -> None:
    """Refuses what has no tests, and finds out which pictures there are. Raises PoseError."""
    from pytest_stm32pose.run.listing import picture_ids

    request = request_of(config)
    request.check()
    request.check_names()
    config.stash[_IDS] = picture_ids(config.stash[SETTINGS], lambda: run_of(config).inputs.pictures)


def ids_of_pictures(config: pytest.Config) -> tuple[str, ...]:
    """One for each test of `pose_picture`."""
    if _IDS in config.stash:
        return config.stash[_IDS]
    return run_of(config).inputs.pictures.ids
