"""A process that has imported what a run of pytest needs of others, and becomes such a run again and again, by fork().

Started by tests/support/children.py, as a file: `python warm.py FD`. On the socket FD come requests, `python -m MODULE
ARGUMENTS` with folder, environment and the descriptors of its output; each is run in a process of its own. Nothing of
this package, of the tests or of pytest's plugins is imported before: each run does that, as when a user starts it.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import signal
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

OTHERS = (
    "numpy", "PIL.Image", "PIL.PngImagePlugin", "PIL.JpegImagePlugin", "ai_edge_litert.interpreter", "jinja2",
    "filelock", "serial", "sqlite3", "pyocd.core.session", "pyocd.probe.aggregator", "_pytest.main", "_pytest.terminal",
)  # fmt: skip
OURS = ("stm32pose_qemu", "stm32pose_twin")


class Late(dict[str, Any]):
    """pyOCD's probes. Ours are plugins of it, and are imported when they are first looked at."""

    def _complete(self) -> None:
        from pyocd.core import plugin
        from pyocd.probe.debug_probe import DebugProbe

        if OURS[0] not in self.keys():
            probes: dict[str, Any] = {}
            plugin.load_plugin_classes_of_type("pyocd.probe", probes, DebugProbe)
            self.update(probes)

    def values(self) -> Any:
        self._complete()
        return super().values()

    def items(self) -> Any:
        self._complete()
        return super().items()

    def __iter__(self) -> Iterator[str]:
        self._complete()
        return super().__iter__()


def preload() -> None:
    import importlib_metadata as metadata

    whole = metadata.entry_points

    def without_ours(**chosen: Any) -> Any:
        return [each for each in whole(**chosen) if not each.name.startswith(OURS)]

    with mock.patch.object(metadata, "entry_points", without_ours):
        for name in OTHERS:
            importlib.import_module(name)
    from pyocd.core import plugin
    from pyocd.probe import aggregator

    plugin.entry_points = whole
    aggregator.PROBE_CLASSES = Late(aggregator.PROBE_CLASSES)
    ready = {name.partition(".")[0] for name in sys.modules}
    assert not ready & {"pytest_stm32pose", "tests", "pytest_html", "xdist", "hypothesis"}, ready


def become(request: dict[str, Any], outputs: list[int], base: list[str]) -> None:
    """This process is a run of Python from here on."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, output in enumerate(outputs, 1):
        os.dup2(output, number)
        os.close(output)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    named = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:] = [request["folder"], *named, *base]
    module, *arguments = request["arguments"]
    sys.argv[:] = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def serve(requests: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Waits for requests; returns in a process of its own for each, never in this one."""
    while True:
        data, received, _, _ = socket.recv_fds(requests, 1 << 20, 3)
        if not data:
            os._exit(0)
        *outputs, answer = received
        if os.fork() == 0:
            requests.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            process = os.fork()
            if process == 0:
                os.close(answer)
                return json.loads(data), outputs
            os.write(answer, struct.pack("<i", process))
            _, status = os.waitpid(process, 0)
            os.write(answer, struct.pack("<i", os.waitstatus_to_exitcode(status)))
            os._exit(0)
        for each in received:
            os.close(each)


def main() -> None:
    own = {str(Path(__file__).parent), *os.environ.get("PYTHONPATH", "").split(os.pathsep)}
    base = [path for path in sys.path if path not in own]
    preload()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who waits for a run ends by himself
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the end of the socket ends this process
    become(*serve(socket.socket(fileno=int(sys.argv[1]))), base)


if __name__ == "__main__":
    main()
