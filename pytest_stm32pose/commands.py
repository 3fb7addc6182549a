"""What `stm32pose` does beyond listing: load a detached board, write and check stored goldens."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose import preprocess as preprocessing
from pytest_stm32pose.boards.catalog import expand_tags, find_user_file
from pytest_stm32pose.config import GoldenMode, Preprocessing, Settings, resolve
from pytest_stm32pose.errors import GoldenError
from pytest_stm32pose.models.zoo import ALL
from pytest_stm32pose.run import PoseRun
from pytest_stm32pose.types import Picture


def check_loadable(name: str, model: str, *, family: str | None = None, keypoints: int | None = None) -> None:
    """Raises ConfigError: the network is refused, or does not fit the board."""
    PoseRun(Settings(boards=(name,), family=family, keypoints=keypoints), Path.cwd()).check_networks([model])


def load_detached(
    name: str, unique_id: str, model: str, *, family: str | None = None, keypoints: int | None = None
) -> dict[str, Any]:
    """Flashes firmware and network onto a running board and leaves it running.

    Returns:
        What is on it: firmware version, network name and SHA-256.
    """
    run = PoseRun(Settings(boards=(name,), probe=unique_id, family=family, keypoints=keypoints), Path.cwd())
    try:
        session = run.board(name)
        device = run.device(session, model)
        description = device.network.description
        return {
            "firmware": session.hello.firmware_version,
            "network": description.name,
            "network_sha256": description.sha256,
        }
    finally:
        run.close()


def zoo_settings(args: Any) -> Settings:
    """The settings of a conformance run from the command line's own arguments.

    Raises:
        ConfigError: a value is not of its option's kind.
    """
    given = {
        "pose_board": args.board,
        "pose_model": [name for name in args.pose_model or [] if name != ALL],
        "pose_images": args.pose_images,
        "pose_max_images": args.pose_max_images,
        "pose_profile": args.pose_profile,
        "pose_family": args.pose_family,
        "pose_keypoints": args.pose_keypoints,
    }
    settings = resolve(given.get, {}, lambda dest: None, Path.cwd())
    boards = expand_tags(settings.boards, find_user_file(settings.boards_file, Path.cwd()))
    return replace(settings, boards=boards, zoo=settings.models)


@dataclass(frozen=True)
class GoldenWork:
    """Which goldens: of what network and pictures, made how, in which folder."""

    model: str
    images: Path | None
    folder: Path
    max_images: int | None = None
    preprocess: Preprocessing = "stretch"
    family: str | None = None
    keypoints: int | None = None

    def run(self, mode: GoldenMode) -> PoseRun:
        settings = Settings(
            models=(self.model,),
            images=self.images,
            golden=mode,
            golden_dir=self.folder,
            max_images=self.max_images,
            preprocess=self.preprocess,
            family=self.family,
            keypoints=self.keypoints,
        )
        return PoseRun(settings, Path.cwd())


def _input(run: PoseRun, model: str, picture: Picture) -> NDArray[np.uint8]:
    return preprocessing.input_tensor(picture, run.network(model).description, run.settings.preprocess)[0]


def update_goldens(work: GoldenWork) -> int:
    """Writes the golden of every picture. Returns how many."""
    run = work.run("update")
    store = run.golden(work.model)
    for picture in run.pictures:
        tensor = _input(run, work.model, picture)
        store.answer(picture, tensor)
    return len(run.pictures)


def check_goldens(work: GoldenWork) -> int:
    """Computes every golden anew and compares it with the stored one. Returns how many agree.

    Raises:
        GoldenError: one is missing, or differs (names picture and output).
    """
    run = work.run("check")
    live = work.run("live").golden(work.model)
    store = run.golden(work.model)
    for picture in run.pictures:
        tensor = _input(run, work.model, picture)
        stored, fresh = store.answer(picture, tensor), live.answer(picture, tensor)
        same = len(stored.result.outputs) == len(fresh.result.outputs) and all(
            np.array_equal(a.data, b.data) for a, b in zip(stored.result.outputs, fresh.result.outputs, strict=True)
        )
        if not same or stored.input_crc32 != fresh.input_crc32:
            raise GoldenError(
                f"The stored golden {store.path(picture)} of picture {picture.id} differs from the one computed now.",
                remedy="Find out why (engine, preprocessing), then write it with `stm32pose golden update`.",
            )
    return len(run.pictures)
