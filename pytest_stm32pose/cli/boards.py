"""Virtual boards that stay up: starting, loading, stopping; the catalog and what is connected."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from pytest_stm32pose.cli.models import meaning_settings
from pytest_stm32pose.cli.table import print_json, print_table
from pytest_stm32pose.run.inputs import RunInputs
from pytest_stm32pose.run.session import PoseRun
from pytest_stm32pose.settings import Settings

USUAL = Settings()


def user_file() -> Path | None:
    """The benches of whoever calls the command: a boards.toml here, else in ~/.config/stm32pose."""
    from pytest_stm32pose.boards.catalog import find_user_file

    return find_user_file(None, Path.cwd())


def check_loadable(name: str, model: str, said: Settings = USUAL) -> None:
    """Raises ConfigError: the network is refused, or does not fit the board."""
    RunInputs(replace(said, boards=(name,)), Path.cwd()).check_networks([model])


def load_detached(name: str, unique_id: str, model: str, said: Settings = USUAL) -> dict[str, object]:
    """Flashes firmware and network onto a running board and leaves it running.

    Args:
        said: of the network's outputs.

    Returns:
        What is on it: firmware version, network name and SHA-256.
    """
    run = PoseRun(replace(said, boards=(name,), probe=unique_id), Path.cwd())
    try:
        session = run.benches.board(name)
        device = run.device(session, model)
        description = device.network.description
        return {
            "firmware": session.hello.firmware_version,
            "network": description.name,
            "network_sha256": description.sha256,
        }
    finally:
        run.close()


def boards_list(args: argparse.Namespace) -> int:
    """Catalog and benches: what is connected, who uses it, what is missing."""
    from pytest_stm32pose.boards.status import BoardsReport

    report = BoardsReport(user_file())
    if args.json:
        print_json(report.to_json())
        return 0
    print_table(report.rows())
    for line in report.lines():
        print(line)
    return 0


def boards_start(args: argparse.Namespace) -> int:
    """A virtual board that stays up, with firmware and network loaded when a model is named."""
    from pytest_stm32pose.boards.virtual import start_detached, stop_detached

    said = meaning_settings(args)
    if args.pose_model is not None:
        check_loadable(args.name, args.pose_model, said)
    info = start_detached(args.name, user_file(), tuple(args.pose_twin_fault))
    if args.pose_model is not None:
        try:
            info = {**info, **load_detached(args.name, str(info["unique_id"]), args.pose_model, said)}
        except BaseException:
            stop_detached(str(info["unique_id"]))
            raise
    if args.json:
        print_json(info)
    else:
        for key, value in info.items():
            print(f"{key:12} {value}")
    return 0


def boards_stop(args: argparse.Namespace) -> int:
    from pytest_stm32pose.boards.virtual import stop_detached

    print(f"stopped {stop_detached(args.name)} board(s)")
    return 0
