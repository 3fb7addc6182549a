"""The fixture pose_family: a network family of the user's, known before a board is taken.

What networks mean is checked when tests are collected, so the fixture that a conftest.py has in the place of ours is
called then, without a test around it: it takes no other fixtures.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import pytest

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.plugin.stash import SETTINGS, run_of
from pytest_stm32pose.settings import FAMILIES

if TYPE_CHECKING:
    from pytest_stm32pose.families.own import PoseFamily

NAME = "pose_family"


@pytest.fixture(scope="session")
def pose_family() -> object:
    """A network family of your own: define this fixture in your conftest.py and return a PoseFamily."""
    return None


def may_come(config: pytest.Config) -> bool:
    """Whether the family of this run may be one that a fixture gives, which is known after collecting only."""
    name = config.stash[SETTINGS].family
    if name is None:
        return any(_defines_it(plugin) for plugin in config.pluginmanager.get_plugins())
    if name in FAMILIES:
        return False
    from pytest_stm32pose.families.registered import registered

    return registered(name, FAMILIES) is None


def _defines_it(plugin: object) -> bool:
    """Whether a conftest.py, or another plugin than ours, has a fixture of the name."""
    module = getattr(plugin, "__name__", "")
    return inspect.ismodule(plugin) and hasattr(plugin, NAME) and not module.startswith("pytest_stm32pose.")


def adopt(config: pytest.Config, items: Iterable[Any]) -> None:
    """The family that the collected tests' fixture gives becomes the run's.

    Raises:
        ConfigError: it asks for other fixtures, gives no family, or tests have different ones.
    """
    found: dict[int, Any] = {}
    for item in items:
        for definition in getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {}).get(NAME, ())[-1:]:
            if inspect.unwrap(definition.func) is not _OURS:
                found.setdefault(id(definition.func), definition)
    families = [_given(definition) for definition in found.values()]
    if len({family.identity for family in families}) > 1:
        names = ", ".join(sorted(family.identity for family in families))
        raise ConfigError(
            f"The tests have different fixtures {NAME} ({names}), and a run has one.",
            remedy="Run them apart, or give the fixture once, in the conftest.py above all of them.",
        )
    if families:
        run_of(config).inputs.adopt(families[0])


def _given(definition: Any) -> PoseFamily:
    """What the fixture returns, as a family."""
    from pytest_stm32pose.families.fingerprint import place_of_error
    from pytest_stm32pose.families.own import as_family

    function: Callable[[], object] = definition.func
    code = inspect.unwrap(function).__code__
    origin = f"The fixture {NAME} ({code.co_filename} line {code.co_firstlineno})"
    if definition.scope != "session":
        raise ConfigError(
            f"{origin} has the scope {definition.scope}: it is of a whole run.",
            remedy='Write @pytest.fixture(scope="session").',
        )
    if definition.argnames or inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function):
        raise ConfigError(
            f"{origin} asks for other fixtures, or yields: it is called before any test runs.",
            remedy="Let it take nothing and return the family.",
        )
    try:
        given = function()
    except Exception as error:  # of the user's code: any
        said = " ".join(str(error).split())[:200]
        raise ConfigError(
            f"{origin} raised {type(error).__name__}: {said} ({place_of_error(error, function)}).",
            remedy="Correct the fixture.",
        ) from error
    return as_family(given, origin, FAMILIES)


_OURS = inspect.unwrap(pose_family)
