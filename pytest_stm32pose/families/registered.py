"""Families that installed packages register: entry points of the group `stm32pose.families`, name -> family."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points

from pytest_stm32pose.errors import ConfigError, did_you_mean
from pytest_stm32pose.families.fingerprint import place_of_error
from pytest_stm32pose.families.own import PoseFamily, as_family

GROUP = "stm32pose.families"


def registered(name: str, known: Iterable[str]) -> PoseFamily | None:
    """The family that a package registered under a name; None when there is none. Loads only what is asked for.

    Args:
        known: names of the built-in families.

    Raises:
        ConfigError: it cannot be imported, or is no family.
    """
    found = [point for point in entry_points(group=GROUP) if point.name == name]
    if not found:
        return None
    if len({point.value for point in found}) > 1:
        raise ConfigError(
            f"Several packages register the family {name}: {', '.join(sorted(point.value for point in found))}.",
            remedy="Uninstall one of them.",
        )
    return as_family(_loaded(found[0]), f"The family {name} ({found[0].value})", tuple(known), name)


def _loaded(point: EntryPoint) -> object:
    try:
        return point.load()
    except Exception as error:  # of somebody's module: any
        said = " ".join(str(error).split())[:200]
        raise ConfigError(
            f"The family {point.name} ({point.value}) cannot be imported: {type(error).__name__}: {said} "
            f"({place_of_error(error)}).",
            remedy="Correct or uninstall the package that registers it.",
        ) from error


def no_such_family(name: str, built_in: Iterable[str], own: Iterable[str] = ()) -> ConfigError:
    """Nothing is called so; says what there is.

    Args:
        built_in: names of the built-in families.
        own: names of those that fixtures give.
    """
    known = [*built_in, *dict.fromkeys((*own, *sorted(point.name for point in entry_points(group=GROUP))))]
    return ConfigError(
        f"--pose-family: {name!r} is not one of {', '.join(known)}.",
        remedy=f"{did_you_mean(name, known)}One of your own comes from the fixture pose_family or an entry point of "
        f"{GROUP} (docs/families.md).",
    )
