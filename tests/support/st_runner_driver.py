# ruff: noqa: B905, UP031 -- the interpreter may be as old as ST's runners
"""Drives ST's own Python runner, in an interpreter of its own: it wants other versions of numpy and protobuf than we.

    python st_runner_driver.py alive|check|once|run FOLDER PORT DATA.npz

FOLDER holds the package `stm_ai_runner`. DATA.npz: `inputs` [N, ...] and, per output, `output_0` [N, ...]: what it must
be. Prints one JSON object; `run` prints a line once it is connected, then invokes until it is killed.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any

import numpy as np

PACKAGE = "stm_ai_runner"


def error(outputs: Any, data: Any, first: int = 0, count: int | None = None) -> float:
    """The largest difference of any output to what it must be."""
    wanted = [data[key] for key in sorted(data.files) if key.startswith("output_")]
    assert len(outputs) == len(wanted) > 0, (len(outputs), len(wanted))
    largest = 0.0
    for got, expected in zip(outputs, wanted):
        expected = expected[first : len(expected) if count is None else first + count]
        assert got.dtype == expected.dtype, (got.dtype, expected.dtype)
        assert got.size == expected.size, (got.shape, expected.shape)
        largest = max(largest, float(np.abs(got.reshape(-1).astype(float) - expected.reshape(-1)).max()))
    return largest


def connect(runner: Any, port: str) -> None:
    if not runner.connect("serial:%s:921600" % port):
        raise SystemExit("no connection: %s" % runner.get_error())


def layers(runner: Any, mode: Any, inputs: Any, data: Any) -> dict[str, Any]:
    outputs, profile = runner.invoke(inputs[:1], mode=mode, disable_pb=True)
    nodes = profile["c_nodes"]
    return {
        "error": error(outputs, data, 0, 1),
        "nodes": len(nodes),
        "silent": [node["name"] for node in nodes if min(node["c_durations"]) < 0],
        "bytes": int(sum(each.nbytes for node in nodes for each in node["data"])),
        "last": [np.asarray(each).tobytes().hex()[:64] for each in nodes[-1]["data"]],
        "durations": profile["c_durations"],
    }


def memory(runner: Any) -> list[Any]:
    """What is written can be read back and has the checksum that the runner reckons with."""
    pool = runner.get_info()["mempools"]["activations"][0]["io_tensor"]
    address, data = int(pool.c_addr), bytes(range(256)) * 9
    written = runner.extension(cmd="write-in-memory", target_addr=address, data=data)
    read = runner.extension(cmd="read-in-memory", target_addr=address, size=len(data))
    summed = runner.extension(cmd="checksum-in-memory", target_addr=address, size=len(data))
    return [written["error"], read["data"] == data, summed["crc"] == import_module(PACKAGE).bsdchecksum(data)]


def once(runner: Any, modes: Any, port: str, inputs: Any, data: Any) -> dict[str, Any]:
    connect(runner, port)
    outputs, _ = runner.invoke(inputs[:1], mode=modes.IO_ONLY, disable_pb=True)
    runner.disconnect()
    return {"error": error(outputs, data, 0, 1)}


def alive(runner: Any, modes: Any, port: str, inputs: Any, data: Any) -> dict[str, Any]:
    connect(runner, port)
    name = runner.get_info()["name"]
    runner.disconnect()
    return {"name": name}


def check(runner: Any, modes: Any, port: str, inputs: Any, data: Any) -> dict[str, Any]:
    connect(runner, port)
    info = runner.get_info()
    found: dict[str, Any] = {
        "name": info["name"],
        "hash": info["hash"],
        "nodes": info["n_nodes"],
        "device": info["device"]["attrs"],
    }
    outputs, profile = runner.invoke(inputs, mode=modes.IO_ONLY, disable_pb=True)
    found["batch"] = {"error": error(outputs, data), "durations": profile["c_durations"]}
    lines: list[str] = []
    runner.summary(print_fn=lines.append)
    session = runner.session(info["name"])
    session.print_profiling([inputs], profile, outputs, print_fn=lines.append)
    found["lines"] = len(lines)
    found["per_layer"] = layers(runner, modes.PER_LAYER, inputs, data)
    found["with_data"] = layers(runner, modes.PER_LAYER_WITH_DATA, inputs, data)
    _, profile = runner.invoke(inputs[:1], mode=modes.PERF_ONLY, disable_pb=True)
    found["perf"] = profile["c_durations"]
    _, profile = runner.invoke(inputs[:1], mode=modes.PERF_ONLY | modes.PER_LAYER, disable_pb=True)
    found["perf_nodes"] = len(profile["c_nodes"])
    same = runner.invoke(np.full_like(inputs[:1], 7), mode=modes.IO_ONLY, disable_pb=True)[0]
    constant = runner.invoke(np.full_like(inputs[:1], 7), mode=modes.CONST_VALUE, disable_pb=True)[0]
    found["constant"] = [bool((a == b).all()) for a, b in zip(same, constant)]
    found["memory"] = memory(runner)
    found["unsupported"] = bool(runner.extension(cmd="unit-test", test_id=10))
    found["alive"] = bool(runner.extension(cmd="unit-test", test_id=0, params=3))
    found["reconnected"] = 0
    for _ in range(3):
        runner.disconnect()
        connect(runner, port)
        found["reconnected"] += 1
    runner.disconnect()
    return found


def run(runner: Any, modes: Any, port: str, inputs: Any, data: Any) -> None:
    connect(runner, port)
    print("connected", flush=True)
    while True:
        runner.invoke(inputs[:1], mode=modes.PER_LAYER, disable_pb=True)


def main() -> None:
    command, folder, port, file = sys.argv[1:]
    sys.path.insert(0, folder)
    found = import_module(PACKAGE).AiRunner
    data = np.load(file)
    commands = {"alive": alive, "check": check, "once": once, "run": run}
    print(json.dumps(commands[command](found(), found.Mode, port, data["inputs"], data)))


if __name__ == "__main__":
    main()
