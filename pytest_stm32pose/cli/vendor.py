"""`stm32pose build`, with a network that ST's generator wrote, and `stm32pose st`: for teams that use ST's tools."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pytest_stm32pose.errors import ConfigError


def add_vendor_parsers(commands: Any) -> None:
    """Adds the commands to the top parser's."""
    bld = commands.add_parser("build", help="build firmware; an installed package names the image that it carries")
    bld.add_argument("--board", required=True, metavar="NAME", help="catalog name, or all")
    bld.add_argument(
        "--backend", choices=("runtime", "stedgeai", "aton"), help="default: what --network needs, or ours"
    )
    bld.add_argument(
        "--network", type=Path, metavar="DIR", help="folder of the generated network, or its C file (stedgeai, aton)"
    )
    bld.add_argument("--vendor", type=Path, metavar="DIR", help="ST's package: its folder Middlewares/ST/AI")
    bld.add_argument("--clock", metavar="NAME", help="of boards with a choice: hsi is the safe one (docs/boards/)")
    bld.add_argument(
        "--dry-run", action="store_true", help="say what --network is and where it would go; build nothing"
    )
    bld.set_defaults(run=build)

    st = commands.add_parser("st", help="what ST's own tools measured")
    sub = st.add_subparsers(dest="action", required=True, metavar="ACTION")
    rep = sub.add_parser("report", help="a run record of ST's reports, for gate, history and report")
    rep.add_argument(
        "files", nargs="+", type=Path, metavar="FILE",
        help="<name>_c_info.json, <name>_validate_report.txt, <name>_val_io.npz of one network",
    )  # fmt: skip
    rep.add_argument("-o", "--output", type=Path, required=True, metavar="RECORD")
    rep.add_argument("--board", metavar="NAME", help="of the catalog: its chip and clock (default: what the files say)")
    rep.add_argument("--name", default="", metavar="NAME", help="of the network in the record (default: ST's)")
    rep.add_argument(
        "--pose-model", metavar="NAME_OR_PATH", help="the .tflite it was generated from, for hash and family"
    )
    rep.set_defaults(run=st_report)


def build(args: argparse.Namespace) -> int:
    """Firmware of one board, or of all: built in a checkout, else the wheel's; or what it would be."""
    from pytest_stm32pose.boards.catalog import board_spec, boards, find_user_file
    from pytest_stm32pose.firmware.build import build_firmware, firmware_for

    user_file = find_user_file(None, Path.cwd())
    specs = list(boards().values()) if args.board == "all" else [board_spec(args.board, user_file)]
    if args.network is None:
        for option, value in (("--vendor", args.vendor), ("--dry-run", args.dry_run)):
            if value:
                raise ConfigError(f"{option} is of a generated network.", remedy="Name that with --network.")
        for spec in specs:
            backend = args.backend or "runtime"
            print(firmware_for(spec.name, spec.firmware, spec.kernels, backend, clock=args.clock))
        return 0
    network = _network(args)
    if args.dry_run:
        return _dry_run(network, specs)
    for spec in specs:
        print(build_firmware(spec.firmware, spec.kernels, network.backend, network=network, clock=args.clock))
    for file in network.data_files(specs[0].network.address):
        print(file.path if file.address is None else f"{file.path} at 0x{file.address:08x}")
    return 0


def _network(args: argparse.Namespace) -> Any:
    """The generated network; without --backend the one that its API needs."""
    from pytest_stm32pose.firmware.generated import backend_of, read_generated

    if args.backend == "runtime":
        raise ConfigError("Backend runtime runs no generated network.", remedy="Leave --backend or --network out.")
    return read_generated(args.network, args.backend or backend_of(args.network), args.vendor)


def _dry_run(network: Any, specs: list[Any]) -> int:
    """Exit 2 when a board cannot take it or something is missing."""
    from pytest_stm32pose.firmware.build import core_number, network_placement
    from pytest_stm32pose.firmware.overview import overview, placed

    lines = overview(network, core_number(specs[0].firmware), specs[0].network.address)
    for spec in specs:
        try:
            lines += placed(spec.name, network_placement(network, spec.firmware))
        except ConfigError as error:
            lines.append(f"missing   {spec.name}: {error}")
    print("\n".join(lines))
    return 2 if any(line.startswith("missing ") for line in lines) else 0


def st_report(args: argparse.Namespace) -> int:
    """ST's files as a record."""
    from pytest_stm32pose.boards.catalog import board_spec, find_user_file
    from pytest_stm32pose.record.st_tools import read_files, st_record
    from pytest_stm32pose.record.write import write_record

    files = read_files(args.files)
    board = board_spec(args.board, find_user_file(None, Path.cwd())) if args.board else None
    described = None
    if args.pose_model:
        from pytest_stm32pose.models.zoo import resolve_model
        from pytest_stm32pose.network.compile import describe_graph
        from pytest_stm32pose.network.reader import read_model

        described = describe_graph(read_model(resolve_model(args.pose_model))).description
    record = st_record(files, name=args.name, board=board, described=described)
    write_record(args.output, record)
    print(args.output)
    return 0
