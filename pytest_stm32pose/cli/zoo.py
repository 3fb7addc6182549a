"""The conformance run."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_stm32pose.boards.catalog import expand_tags, find_user_file
from pytest_stm32pose.cli.models import meaning_settings
from pytest_stm32pose.models.zoo import expand
from pytest_stm32pose.settings import Settings, resolve, with_meaning


def zoo_settings(args: Any) -> Settings:
    """The settings of a conformance run from the command line's own arguments.

    Raises:
        ConfigError: a value is not of its option's kind.
    """
    given = {
        "pose_board": args.board,
        "pose_model": list(expand(args.pose_model or [])[0]),
        "pose_images": args.pose_images,
        "pose_images_root": args.pose_images_root,
        "pose_category": args.pose_category,
        "pose_max_images": args.pose_max_images,
        "pose_profile": args.pose_profile,
    }
    settings = resolve(given.get, {}, lambda dest: None, Path.cwd())
    boards = expand_tags(settings.boards, find_user_file(settings.boards_file, Path.cwd()))
    return replace(with_meaning(settings, meaning_settings(args)), boards=boards, zoo=settings.models)


def zoo(args: argparse.Namespace) -> int:
    """The conformance run: published against measured, on every board named."""
    from pytest_stm32pose.files import write_atomically
    from pytest_stm32pose.record.write import write_record
    from pytest_stm32pose.report.standalone import write_report
    from pytest_stm32pose.run.zoo import run_conformance
    from pytest_stm32pose.tell.markdown import markdown_summary
    from pytest_stm32pose.tell.terminal import summary_lines

    settings = zoo_settings(args)
    record = run_conformance(settings, jobs=args.jobs)
    for line in summary_lines(record):
        print(line)
    if args.output:
        write_atomically(args.output, markdown_summary(record).encode(errors="backslashreplace"))
    if args.pose_json:
        write_record(args.pose_json, record)
    if args.html:
        write_report(record, args.html, None)
    return int(record.verdict != "passed")
