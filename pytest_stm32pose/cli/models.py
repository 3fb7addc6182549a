"""`stm32pose models`: list, inspect, fetch, convert and compile networks. See main.py for the rest."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest_stm32pose.cli.table import print_json, print_table
from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.settings import (
    MEANING_OPTIONS,
    OPTIONS,
    PREPROCESSING,
    Settings,
    preprocessing_of,
    read_option,
    resolve,
)

#: Of the commands that read labels.
_SKELETON = next(option for option in OPTIONS if option.dest == "pose_skeleton")


def models_list(args: argparse.Namespace) -> int:
    """The zoo, with what was published and where each file was found."""
    from pytest_stm32pose.models.zoo import every_row, find_model

    rows: list[tuple[str, ...]] = [
        ("model", "set", "family", "keypoints", "input", "published", "MACC M", "N6 NPU ms", "file")
    ]
    for row in every_row().values():
        path = find_model(row.name)
        accuracy = "" if row.accuracy is None else f"{row.metric} {row.accuracy:g}"
        figures = ("" if figure is None else f"{figure:g}" for figure in (row.macc_m, row.npu_ms))
        meaning = (row.family, str(row.keypoints), str(row.resolution))
        rows.append((row.name, row.set, *meaning, accuracy, *figures, str(path or "not found")))
    print_table(rows)
    return 0


def models_inspect(args: argparse.Namespace) -> int:
    """Costs, and all that is in the way of a run, on the boards that are named too; exit 1 when anything is."""
    from pytest_stm32pose.boards.catalog import board_spec, find_user_file
    from pytest_stm32pose.boards.fit import fit_line, misfits
    from pytest_stm32pose.models.zoo import resolve_model
    from pytest_stm32pose.network.inspect import inspect_model
    from pytest_stm32pose.pictures.values import range_note, settled
    from pytest_stm32pose.run.families import own_family

    names = [name for given in args.board or () for name in given.split(",")]
    specs = [board_spec(name, find_user_file(None, Path.cwd())) for name in names]
    own = own_family(args.pose_family)
    report = inspect_model(resolve_model(args.model), plan=args.pose_plan, own=own, **meaning_arguments(args))
    for line in report.lines:
        print(line)
    if report.compiled is None:
        return 1
    description = report.compiled.description
    try:
        preprocess = settled(preprocessing_of(vars(args)), description)
        print(f"pictures: {preprocess.text}")
        if note := range_note(preprocess, description):
            print(f"note: {note}")
        taken = True
    except ConfigError as error:
        print(f"refused: {error}")
        taken = False
    for spec in specs:
        print(fit_line(spec, description))
    return int(not (report.supported and taken) or any(misfits(spec, description) for spec in specs))


def models_layout(args: argparse.Namespace) -> int:
    """Where every byte lies on the boards, with this network; exit 1 when it does not fit one."""
    from pytest_stm32pose.boards.catalog import board_spec, find_user_file
    from pytest_stm32pose.boards.image_check import check_firmware
    from pytest_stm32pose.firmware.build import firmware_for
    from pytest_stm32pose.firmware.layout import read_layout
    from pytest_stm32pose.models.zoo import resolve_model
    from pytest_stm32pose.network.compile import compile_model
    from pytest_stm32pose.run import layout as told

    names = [name for given in args.board for name in given.split(",")]
    specs = [board_spec(name, find_user_file(None, Path.cwd())) for name in names]
    network = compile_model(resolve_model(args.model), plan=args.pose_plan)
    layouts = []
    for spec in specs:
        if args.pose_firmware:
            check_firmware(args.pose_firmware, spec)
        image = args.pose_firmware or firmware_for(spec.name, spec.firmware, spec.kernels)
        layouts.append(told.board_layout(spec, read_layout(image), network))
    if args.svg is not None:
        from pytest_stm32pose.files import write_atomically
        from pytest_stm32pose.report.arena import arena_svg

        write_atomically(args.svg, arena_svg(network).encode())
    if args.json:
        print_json([told.to_json(layout, network) for layout in layouts])
    else:
        print("\n\n".join("\n".join(told.lines(layout)) for layout in layouts))
    return int(any(layout.misfits or layout.outside for layout in layouts))


def models_fetch(args: argparse.Namespace) -> int:
    """Files of the zoo into the cache. "all" and "st-2026": every row of theirs that the source can have."""
    from pytest_stm32pose.models.fetch import fetch
    from pytest_stm32pose.models.zoo import SETS, rows_of, zoo_row

    names = [name for given in args.names for name in (rows_of(given) if given in SETS else [given])]
    can_be_had = {row for row in names if (zoo_row(row).url or args.source) and zoo_row(row).sha256}
    wanted = [name for name in dict.fromkeys(names) if name in can_be_had or name in args.names]
    for name in wanted:
        path, fresh = fetch(name, args.source)
        print(f"{path}  {'fetched' if fresh else 'was there'}, SHA-256 verified")
        row = zoo_row(name)
        if not row.runs:
            print(f"{name} is an ONNX file, which is not run. {row.recipe}")
    return 0


def models_convert(args: argparse.Namespace) -> int:
    """Float network to int8 .tflite, and what this project makes of it."""
    from pytest_stm32pose.models.convert import Conversion, convert
    from pytest_stm32pose.network.inspect import inspect_model

    asked = Conversion(args.model, args.images, args.count, args.size, args.input_range, per_tensor=args.per_tensor)
    count = convert(asked, args.output)
    print(f"{args.output}: {args.output.stat().st_size} bytes, calibrated with {count} pictures")
    report = inspect_model(args.output)
    for line in report.lines:
        print(line)
    return int(not report.supported)


def _pair(kind: type[int] | type[float], separator: str, what: str) -> Callable[[str], tuple[object, object]]:
    """Reads two numbers from one argument."""

    def read(text: str) -> tuple[object, object]:
        first, _, second = text.lower().partition(separator)
        try:
            return kind(first), kind(second)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not {what}") from None

    return read


def models_compile(args: argparse.Namespace) -> int:
    """.tflite -> network image."""
    from pytest_stm32pose.families import NO_FAMILY
    from pytest_stm32pose.files import write_atomically
    from pytest_stm32pose.models.zoo import resolve_model
    from pytest_stm32pose.network.compile import compile_graph
    from pytest_stm32pose.network.kinds import check_kind
    from pytest_stm32pose.network.meaning import check_own, meaning_of
    from pytest_stm32pose.network.reader import read_model
    from pytest_stm32pose.run.families import own_family

    own = own_family(args.pose_family)  # its decoder is on the host: the image has none
    graph = read_model(resolve_model(args.model))
    check_kind(graph)
    asked = meaning_arguments(args)
    if own:
        check_own(own, graph, asked["stated"])
        asked |= {"family": NO_FAMILY, "keypoints": None}
    meaning = meaning_of(graph, **asked)
    compiled = compile_graph(graph, plan=args.pose_plan, meaning=meaning)
    write_atomically(args.output, compiled.image)
    print(f"{args.output}: {len(compiled.image)} bytes, arena {compiled.description.activation_bytes} bytes")
    return 0


def add_meaning_options(parser: argparse.ArgumentParser) -> None:
    """The twins of pytest's options that say what a network's outputs are, and what of them counts."""
    for option in (each for each in OPTIONS if each.flag in MEANING_OPTIONS):
        choices = option.choices or None
        metavar = option.metavar or None
        parser.add_argument(f"--{option.flag}", choices=choices, metavar=metavar, help=option.help)


def meaning_settings(args: argparse.Namespace) -> Settings:
    """What these options say, all else by default.

    Raises:
        ConfigError: a value is not of its option's kind.
    """
    flags = (*MEANING_OPTIONS, _SKELETON.flag)
    given = {option.dest: getattr(args, option.dest, None) for option in OPTIONS if option.flag in flags}
    return resolve(given.get, {}, lambda dest: None, Path.cwd())


def meaning_arguments(args: argparse.Namespace) -> dict[str, Any]:
    """The same as arguments of network.meaning.meaning_of. Raises ConfigError."""
    from pytest_stm32pose.run.inputs import stated_of

    said = meaning_settings(args)
    return {"family": said.family, "keypoints": said.keypoints, "stated": stated_of(said), "decoding": said.decoding}


def add_preprocess_options(parser: argparse.ArgumentParser) -> None:
    """The twins of pytest's options that say how pictures become input."""
    for option in (each for each in OPTIONS if each.flag in PREPROCESSING):
        parser.add_argument(
            f"--{option.flag}",
            type=functools.partial(_option, option.dest),
            metavar=option.metavar or f"{{{','.join(option.choices)}}}",
            help=option.help,
        )


def _option(dest: str, text: str) -> object:
    try:
        return read_option(dest, text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(error.message) from None


def add_label_options(parser: argparse.ArgumentParser) -> None:
    """The twins of pytest's options that say which labels are used, and where their pictures are."""
    parser.add_argument("--pose-images-root", type=Path, metavar="DIR", help="folder of the images, apart from labels")
    parser.add_argument("--pose-category", metavar="NAME", help="category or class of the labels to judge by")
    parser.add_argument(f"--{_SKELETON.flag}", metavar=_SKELETON.metavar, help=_SKELETON.help)


def add_models_parser(commands: Any) -> None:
    """Adds `models` with its actions to the command line.

    Args:
        commands: what `add_subparsers` returned.
    """
    models = commands.add_parser("models", help="list, inspect, compile, fetch, convert networks").add_subparsers(
        required=True
    )
    models.add_parser("list", help="the zoo").set_defaults(run=models_list)
    inspect = models.add_parser("inspect", help="operators, MACs, memory of a .tflite")
    inspect.add_argument("model")
    inspect.add_argument("--pose-plan", choices=("small", "plain"), default="small", help="see pytest --help")
    inspect.add_argument("--board", action="append", metavar="NAME[,NAME]", help="also say whether it fits this board")
    add_meaning_options(inspect)
    add_preprocess_options(inspect)
    inspect.set_defaults(run=models_inspect)
    layout = models.add_parser("layout", help="where every byte lies on a board with this network")
    layout.add_argument("model")
    layout.add_argument("--board", action="append", required=True, metavar="NAME[,NAME]")
    layout.add_argument("--pose-plan", choices=("small", "plain"), default="small", help="see pytest --help")
    layout.add_argument("--pose-firmware", type=Path, metavar="ELF", help="this pose runner, not the board's usual one")
    layout.add_argument("--json", action="store_true", help="for programs, with what shares the arena's bytes")
    layout.add_argument("--svg", type=Path, metavar="FILE", help="draw the arena over the operators")
    layout.set_defaults(run=models_layout)
    fetch = models.add_parser("fetch", help="get files of the zoo into the cache, verified by SHA-256")
    fetch.add_argument("names", nargs="+", metavar="NAME", help="rows of the zoo, all, or st-2026")
    fetch.add_argument("--from", dest="source", metavar="DIR_OR_URL", help="a mirror: folder that has the files")
    fetch.set_defaults(run=models_fetch)
    conv = models.add_parser("convert", help="float SavedModel or Keras file to int8 .tflite (needs tensorflow)")
    conv.add_argument("model", type=Path, metavar="SAVEDMODEL_OR_KERAS")
    conv.add_argument("--images", type=Path, required=True, metavar="DIR", help="calibration pictures")
    conv.add_argument("--count", type=int, default=32, metavar="N", help="pictures at most (default: 32)")
    size, span = "HEIGHTxWIDTH", "LOW,HIGH"
    conv.add_argument("--size", type=_pair(int, "x", size), metavar=size, help="of a network that takes any")
    conv.add_argument("--input-range", type=_pair(float, ",", span), default=(0.0, 1.0), metavar=span,
                      help="float values of black and white (default: 0,1; negative: --input-range=-1,1)")  # fmt: skip
    conv.add_argument("--per-tensor", action="store_true", help="one scale per weight tensor, not per channel")
    conv.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.tflite")
    conv.set_defaults(run=models_convert)
    compile_ = models.add_parser("compile", help=".tflite to network image")
    compile_.add_argument("model")
    compile_.add_argument("--pose-plan", choices=("small", "plain"), default="small", help="see pytest --help")
    add_meaning_options(compile_)
    compile_.add_argument("-o", "--output", type=Path, required=True)
    compile_.set_defaults(run=models_compile)
