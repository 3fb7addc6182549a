"""What --pose-family and --pose-skeleton name, and which keypoints a network then has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_stm32pose.errors import ConfigError, ModelError
from pytest_stm32pose.families.own import PoseFamily
from pytest_stm32pose.metrics.skeleton import COCO_17, ST_13, built_in, unnamed
from pytest_stm32pose.run.families import (
    are_foreign,
    idle_thresholds,
    named_by_labels,
    own_family,
    skeleton_for,
    wanted_set,
)
from pytest_stm32pose.types import Decoding, NetworkDescription, Skeleton

ANIMALS = built_in("ap10k17")
MINE = PoseFamily("mine", 4, len)


def network(keypoints: int, skeleton: Skeleton | None = None) -> NetworkDescription:
    return NetworkDescription("net", "0" * 64, "heatmap", keypoints, (96, 96, 3), "uint8", 0, 0, 0, 0, skeleton)


@pytest.mark.parametrize(
    ("keypoints", "wanted", "family", "labels", "expected"),
    [
        (0, None, None, COCO_17, None),
        (17, None, None, None, COCO_17),
        (17, None, None, ANIMALS, ANIMALS),
        (17, COCO_17, ANIMALS, ANIMALS, COCO_17),
        (17, None, ANIMALS, COCO_17, ANIMALS),
        (17, "labels", None, ANIMALS, ANIMALS),
        (13, None, None, COCO_17, ST_13),
        (12, None, None, None, unnamed(12)),
    ],
)
def test_which_keypoints_a_network_has(
    keypoints: int, wanted: Skeleton | None, family: Skeleton | None, labels: Skeleton, expected: Skeleton
) -> None:
    assert skeleton_for("net", keypoints, wanted, family, labels) == expected


def test_a_set_of_another_number_is_refused() -> None:
    with pytest.raises(ModelError, match="net has 13 keypoints, and the keypoint set COCO 17 has 17"):
        skeleton_for("net", 13, COCO_17, None, None)


def test_names_of_labels_that_decide_are_told() -> None:
    said = named_by_labels(network(17, ANIMALS), ANIMALS)
    assert "the labels have the keypoints of AP-10K 17, and so those of net are taken for them, not for COCO 17" in said
    assert not named_by_labels(network(17, COCO_17), COCO_17)
    assert not named_by_labels(network(17, ANIMALS), None)
    assert not named_by_labels(network(12, unnamed(12)), unnamed(12))


def test_labels_that_cannot_judge_are_told() -> None:
    assert are_foreign(network(13, ST_13), built_in("hand21")).startswith(
        "the labels have 21 keypoints and net has 13;"
    )
    said = are_foreign(network(17, COCO_17), ANIMALS)
    assert said == "the labels have 17 keypoints (AP-10K 17) and net has those of COCO 17; they are not compared."


def test_thresholds_that_change_nothing_are_told() -> None:
    asked = Decoding(score=0.5, nms_iou=0.4, keypoint_score=0.3)
    said = idle_thresholds(replace(network(4), family="mine"), asked)
    assert (
        said
        == "--pose-score and --pose-nms-iou mean nothing to net, of family mine, whose own decoder says what counts."
    )
    assert idle_thresholds(replace(network(0), family="none"), Decoding(max_persons=3)) == (
        "--pose-max-persons means nothing to net, of family none, which decodes nothing."
    )
    assert not idle_thresholds(replace(network(13), decoding=asked), asked)
    assert not idle_thresholds(network(13), Decoding(keypoint_score=0.3))


def test_families_by_name() -> None:
    assert own_family(None) is None
    assert own_family(None, MINE) is own_family("mine", MINE) is MINE
    assert own_family("none", MINE) is None  # what the user names wins
    with pytest.raises(ConfigError, match=r"'mind' is not one of heatmap, .*, mine. Did you mean mine\?"):
        own_family("mind", MINE)


def test_sets_by_name_and_file(tmp_path: Path) -> None:
    assert (wanted_set(None), wanted_set("labels"), wanted_set("mpii16")) == (None, "labels", built_in("mpii16"))
    file = tmp_path / "own.TOML"
    file.write_text('names = ["a", "b"]')
    found = wanted_set(str(file))
    assert isinstance(found, Skeleton) and (found.name, found.sigmas) == ("own.TOML", (0.5, 0.5))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe", "is not valid TOML: 'utf-8' codec"),
        (b"names = " + b"[" * 100_000, "is not valid TOML"),
        (b"names = " + b"9" * 5_000, "is not valid TOML"),
        (b"#" * (1 << 21), "has more than 1048576 bytes"),
    ],
)
def test_files_that_are_no_set_are_one_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "own.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        wanted_set(str(file))
    assert said in str(caught.value)
    with pytest.raises(ConfigError, match="cannot be read"):
        wanted_set(str(tmp_path / "missing.toml"))
