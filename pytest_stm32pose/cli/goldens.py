"""Stored goldens: writing them, and computing them anew."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.cli.models import meaning_settings
from pytest_stm32pose.errors import GoldenError
from pytest_stm32pose.pictures import preprocess as preprocessing
from pytest_stm32pose.preprocessing import DEFAULT, Preprocessing
from pytest_stm32pose.run.inputs import RunInputs
from pytest_stm32pose.settings import GoldenMode, Settings, preprocessing_of, with_meaning
from pytest_stm32pose.types import Picture


@dataclass(frozen=True)
class GoldenWork:
    """Which goldens: of what network and pictures, made how, in which folder."""

    model: str
    images: Path | None
    folder: Path
    max_images: int | None = None
    preprocess: Preprocessing = DEFAULT
    family: str | None = None
    keypoints: int | None = None
    said: Settings | None = None  #: what else of the outputs
    images_root: Path | None = None
    category: str | None = None
    skeleton: str | None = None

    def inputs(self, mode: GoldenMode) -> RunInputs:
        settings = Settings(
            models=(self.model,),
            images=self.images,
            golden=mode,
            golden_dir=self.folder,
            max_images=self.max_images,
            preprocess=self.preprocess,
            family=self.family,
            keypoints=self.keypoints,
            images_root=self.images_root,
            category=self.category,
            skeleton=self.skeleton,
        )
        return RunInputs(with_meaning(settings, self.said) if self.said else settings, Path.cwd())


def _input(inputs: RunInputs, model: str, picture: Picture) -> NDArray[np.generic]:
    return preprocessing.input_tensor(picture, inputs.network(model).description, inputs.settings.preprocess)[0]


def update_goldens(work: GoldenWork) -> int:
    """Writes the golden of every picture. Returns how many."""
    inputs = work.inputs("update")
    store = inputs.golden(work.model)
    for picture in inputs.pictures:
        tensor = _input(inputs, work.model, picture)
        store.answer(picture, tensor)
    return len(inputs.pictures)


def check_goldens(work: GoldenWork) -> int:
    """Computes every golden anew and compares it with the stored one. Returns how many agree.

    Raises:
        GoldenError: one is missing, or differs (names picture and output).
    """
    inputs = work.inputs("check")
    live = work.inputs("live").golden(work.model)
    store = inputs.golden(work.model)
    for picture in inputs.pictures:
        tensor = _input(inputs, work.model, picture)
        stored, fresh = store.answer(picture, tensor), live.answer(picture, tensor)
        same = len(stored.result.outputs) == len(fresh.result.outputs) and all(
            np.array_equal(a.data, b.data) for a, b in zip(stored.result.outputs, fresh.result.outputs, strict=True)
        )
        if not same or stored.input_crc32 != fresh.input_crc32:
            raise GoldenError(
                f"The stored golden {store.path(picture)} of picture {picture.id} differs from the one computed now.",
                remedy="Find out why (engine, preprocessing), then write it with `stm32pose golden update`.",
            )
    return len(inputs.pictures)


def golden(args: argparse.Namespace) -> int:
    """Writes the stored goldens of a model's pictures, or recomputes and compares them."""
    do: Callable[[GoldenWork], int] = update_goldens if args.action == "update" else check_goldens
    count = do(
        GoldenWork(
            args.pose_model, args.pose_images, args.pose_golden_dir, args.pose_max_images,
            preprocessing_of(vars(args)), said=meaning_settings(args),
            images_root=args.pose_images_root, category=args.pose_category, skeleton=args.pose_skeleton,
        )
    )  # fmt: skip
    print(f"{count} goldens {'written' if args.action == 'update' else 'agree'} in {args.pose_golden_dir}")
    return 0
