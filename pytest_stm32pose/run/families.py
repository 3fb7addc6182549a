"""What --pose-family and --pose-skeleton name beside the built-in families: families of the user's, keypoint sets."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pytest_stm32pose.errors import ConfigError, ModelError, did_you_mean
from pytest_stm32pose.families import NO_FAMILY
from pytest_stm32pose.families.own import PoseFamily
from pytest_stm32pose.families.registered import no_such_family, registered
from pytest_stm32pose.metrics.skeleton import SETS, built_in, skeleton_of, usual
from pytest_stm32pose.metrics.skeleton_table import parse_table
from pytest_stm32pose.pictures.annotations.sets import FROM_LABELS, Wanted
from pytest_stm32pose.settings import FAMILIES
from pytest_stm32pose.types import Decoding, NetworkDescription, Skeleton

#: A head of 478 points with names and limbs has 60 KiB.
MAX_TABLE_BYTES = 1 << 20
_SUFFIX = ".toml"


def own_family(name: str | None, fixture: PoseFamily | None = None) -> PoseFamily | None:
    """The user's own family that is to be used; None: a built-in one, or a guess.

    Args:
        name: of --pose-family; None: the fixture's, where there is one.
        fixture: what the fixture pose_family gave.

    Raises:
        ConfigError: nothing is called so, or what is registered is no family.
    """
    if name is None or (fixture is not None and name == fixture.name):
        return fixture
    if name in FAMILIES:
        return None
    found = registered(name, FAMILIES)
    if found is None:
        raise no_such_family(name, FAMILIES, (fixture.name,) if fixture else ())
    return found


def wanted_set(name: str | None) -> Wanted:
    """The keypoint set that --pose-skeleton names: a built-in one, a TOML file, or what the labels have.

    Raises:
        ConfigError: there is none of that name, or the file is none.
    """
    if name is None:
        return None
    if name == FROM_LABELS:
        return FROM_LABELS
    if name.lower().endswith(_SUFFIX):
        return _read(Path(name))
    if name not in SETS:
        raise ConfigError(
            f"--pose-skeleton: {name!r} is no keypoint set.",
            remedy=f"{did_you_mean(name, SETS)}Known are {', '.join(SETS)}; a file ends in {_SUFFIX}; labels takes "
            "those of the labels.",
        )
    return built_in(name)


def _read(path: Path) -> Skeleton:
    try:
        if path.stat().st_size > MAX_TABLE_BYTES:
            raise ConfigError(f"{path} has more than {MAX_TABLE_BYTES} bytes, and so is no keypoint set.")
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"The keypoint set {path} cannot be read: {error.strerror}.", remedy="Check the path."
        ) from error
    except (ValueError, RecursionError) as error:  # no UTF-8, no TOML, numbers or nesting without end
        why = " ".join(str(error).split()) or "nested too deeply"
        raise ConfigError(f"The keypoint set {path} is not valid TOML: {why[:200]}.") from error
    return parse_table(table, path.name)


def skeleton_for(
    network: str, keypoints: int, wanted: Wanted, family: Skeleton | None, labels: Skeleton | None
) -> Skeleton | None:
    """Which keypoints a network has: those that the user names, its family's, those of the labels where they have as
    many, else the usual set of so many. None for a network without keypoints.

    Args:
        network: its name, for messages.
        family: the set of a user's own family.
        labels: of the user's pictures.

    Raises:
        ModelError: the set that the user names has another number of keypoints.
    """
    if not keypoints:
        return None
    named = wanted if isinstance(wanted, Skeleton) else family
    if named is None:
        return labels if labels is not None and len(labels.names) == keypoints else usual(keypoints)
    if len(named.names) != keypoints:
        raise ModelError(
            f"{network} has {keypoints} keypoints, and the keypoint set {named.name} has {len(named.names)}.",
            remedy="Name another set with --pose-skeleton, or leave it out.",
        )
    return named


def set_of_network(network: NetworkDescription) -> Skeleton:
    """Which keypoints a network has."""
    return network.skeleton or usual(network.keypoints)


def are_foreign(network: NetworkDescription, labels: Skeleton) -> str:
    """Labels that cannot judge a network: other keypoints, or as many of another set."""
    mine, theirs = network.keypoints, len(labels.names)
    has = f"has {mine}" if mine != theirs else f"has those of {set_of_network(network).name}"
    of = "" if mine != theirs else f" ({labels.name})"
    return f"the labels have {theirs} keypoints{of} and {network.name} {has}; they are not compared."


def named_by_labels(network: NetworkDescription, labels: Skeleton | None) -> str:
    """That a network's keypoints are taken for those of the labels, where so many usually are others; "" else."""
    mine, often = network.skeleton, skeleton_of(network.keypoints)
    if mine is None or often is None or mine != labels or mine.names == often.names:
        return ""
    return (
        f"the labels have the keypoints of {mine.name}, and so those of {network.name} are taken for them, not for "
        f"{often.name} (--pose-skeleton)."
    )


def idle_thresholds(network: NetworkDescription, asked: Decoding) -> str:
    """That thresholds change nothing: only built-in families are decoded by them. "" where they are used, or none is
    given."""
    if not asked.text or network.decoding.text == asked.text:
        return ""
    options = [f"--pose-{word.partition('=')[0].replace('_', '-')}" for word in asked.text.split()]
    why = "which decodes nothing" if network.family == NO_FAMILY else "whose own decoder says what counts"
    meaning = "mean nothing" if len(options) > 1 else "means nothing"
    return f"{' and '.join(options)} {meaning} to {network.name}, of family {network.family}, {why}."
