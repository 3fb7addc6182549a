"""Fetching zoo files: from a server and from a folder, only what is pinned, never half a file."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import http.server
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_stm32pose.cli.main import main
from pytest_stm32pose.errors import ConfigError, ModelError
from pytest_stm32pose.models import fetch as module
from pytest_stm32pose.models import zoo as zoo_module
from pytest_stm32pose.models.fetch import fetch
from pytest_stm32pose.models.zoo import ZooRow, cache_folder, every_row, zoo

CONTENT = b"TFL3 network" * 1000
NAME = "st_movenet_lightning_heatmaps_192"
CONVERTED = "movenet_thunder_256"


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files; counts the requests; can end an answer early or stay silent."""

    requests: list[str] = []  # noqa: RUF012 - the test's own, cleared by the fixture
    misbehave = ""

    def do_GET(self) -> None:
        self.requests.append(self.path)
        if self.misbehave == "short":
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT[: len(CONTENT) // 2])
            self.close_connection = True
        elif self.misbehave == "silent":
            self.server.released.wait(10)  # type: ignore[attr-defined]
        elif self.misbehave == "endless":
            self.send_response(200)
            self.end_headers()
            for _ in range(100_000):
                self.wfile.write(bytes(4096))
        else:
            super().do_GET()

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A folder with the file of NAME in it."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    (folder / zoo()[NAME].file).write_bytes(CONTENT)
    return folder


@pytest.fixture
def server(mirror: Path) -> Iterator[str]:
    Handler.requests.clear()
    Handler.misbehave = ""
    serving = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(mirror)))
    serving.released = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{serving.server_port}"
    serving.released.set()  # type: ignore[attr-defined]
    serving.shutdown()
    serving.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The zoo pins this test's content; the cache is empty and nobody's proxy is asked."""
    rows = {name: _pin(row) for name, row in zoo().items()}
    monkeypatch.setattr(zoo_module, "zoo", lambda: rows)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def _pin(row: ZooRow) -> ZooRow:
    return dataclasses.replace(row, sha256=hashlib.sha256(CONTENT).hexdigest(), bytes=len(CONTENT))


def nothing_is_there() -> bool:
    return not cache_folder().exists() or not list(cache_folder().iterdir())


def test_from_a_server_into_the_cache_once(server: str) -> None:
    path, fresh = fetch(NAME, server)
    assert (path, fresh) == (cache_folder() / zoo()[NAME].file, True)
    assert path.read_bytes() == CONTENT
    assert fetch(NAME, server) == (path, False)
    assert Handler.requests == ["/" + zoo()[NAME].file]
    assert [each.name for each in cache_folder().iterdir()] == [path.name]


def test_from_its_public_address(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"{server}/{zoo()[NAME].file}"
    rows = {NAME: dataclasses.replace(_pin(zoo()[NAME]), url=url)}
    monkeypatch.setattr(zoo_module, "zoo", lambda: rows)
    assert fetch(NAME)[0].read_bytes() == CONTENT


def test_from_a_folder(mirror: Path) -> None:
    path, fresh = fetch(zoo()[NAME].file, str(mirror))
    assert fresh
    assert path.read_bytes() == CONTENT


def test_a_damaged_cached_file_is_replaced(mirror: Path) -> None:
    path, _ = fetch(NAME, str(mirror))
    path.write_bytes(CONTENT[:-1] + b"!")
    assert fetch(NAME, str(mirror)) == (path, True)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("source", ["folder", "server"])
def test_a_wrong_hash_is_refused(mirror: Path, server: str, source: str) -> None:
    (mirror / zoo()[NAME].file).write_bytes(CONTENT[:-1] + b"!")
    with pytest.raises(ModelError, match=r"has SHA-256 [0-9a-f]{64}, pinned for .* Nothing was stored"):
        fetch(NAME, server if source == "server" else str(mirror))
    assert nothing_is_there()


@pytest.mark.parametrize("source", ["folder", "server"])
def test_a_longer_file_is_not_read_to_its_end(mirror: Path, server: str, source: str) -> None:
    with (mirror / zoo()[NAME].file).open("wb") as stream:
        stream.truncate(10_000_000_000)
    with pytest.raises(ModelError, match=f"gave more than {len(CONTENT)} bytes"):
        fetch(NAME, server if source == "server" else str(mirror))
    assert nothing_is_there()


def test_an_endless_answer_ends(server: str) -> None:
    Handler.misbehave = "endless"
    with pytest.raises(ModelError, match="gave more than"):
        fetch(NAME, server)


def test_an_answer_that_breaks_off(server: str) -> None:
    Handler.misbehave = "short"
    with pytest.raises(ConfigError, match=f"gave {len(CONTENT) // 2} bytes|cannot be fetched"):
        fetch(NAME, server)
    assert nothing_is_there()


def test_a_silent_server(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Handler.misbehave = "silent"
    monkeypatch.setattr(module, "SILENCE_S", 0.2)
    with pytest.raises(ConfigError, match=r"cannot be fetched: .*timed out.* --from DIR"):
        fetch(NAME, server)


def test_nobody_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ConfigError, match=r"cannot be fetched: .*refused.* --from DIR"):
        fetch(NAME, f"http://127.0.0.1:{port}")


def test_not_on_the_server(server: str, mirror: Path) -> None:
    (mirror / zoo()[NAME].file).unlink()
    with pytest.raises(ConfigError, match="was answered with 404"):
        fetch(NAME, server)


def test_not_in_the_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read: No such file.* --from names a folder that holds"):
        fetch(NAME, str(tmp_path))


def test_a_converted_row_has_no_address_but_a_recipe(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has no public address.*--from DIR.* make it: .*models convert"):
        fetch(CONVERTED)


def test_unknown_name() -> None:
    with pytest.raises(ConfigError, match=r"no model 'movenet_thunder' in the zoo. Did you mean movenet_thunder_256"):
        fetch("movenet_thunder")


def test_the_cache_cannot_be_written(tmp_path: Path, mirror: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(ConfigError, match="cannot be written"):
        fetch(NAME, str(mirror))


@pytest.mark.parametrize("row", every_row().values(), ids=list(every_row()))
def test_every_row_has_an_address_or_a_recipe(row: ZooRow) -> None:
    assert (row.url is None) == (row.origin == "converted")
    assert (row.recipe is not None) == (row.url is None or not row.runs)
    if row.bytes is not None:
        assert 500_000 < row.bytes < 10_000_000
    if row.url:
        assert row.url.startswith(("https://raw.githubusercontent.com/", "https://media.githubusercontent.com/media/"))
        assert re.search("/[0-9a-f]{40}/", row.url), "of one commit"
        assert row.url.endswith(Path(row.file).suffix)


def test_what_is_not_pinned_is_not_fetched(mirror: Path) -> None:
    row = every_row()["yolo11n_pose_320_pc"]
    (mirror / row.file).write_bytes(CONTENT)
    with pytest.raises(ModelError, match=rf"yolo11n_pose_320_pc is not pinned.*could not be read.*Get {row.file}"):
        fetch(row.name, str(mirror))
    assert nothing_is_there()


def test_a_set_is_fetched_without_the_rows_that_are_not_pinned(
    mirror: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {name: _pin(row) if row.sha256 else row for name, row in every_row().items()}
    monkeypatch.setattr(zoo_module, "every_row", lambda: rows)
    for row in rows.values():
        (mirror / row.file).write_bytes(CONTENT)
    assert main(["models", "fetch", "st-2026", "--from", str(mirror)]) == 0
    said = capsys.readouterr().out
    files = {row.file for row in rows.values() if row.set == "st-2026" and row.sha256}
    assert len(files) == 10
    assert {path.name for path in cache_folder().iterdir()} == files
    assert (
        "head_landmarks_192 is an ONNX file, which is not run. Convert it outside, for instance with onnx2tf -i "
        in said
    )
    assert main(["models", "fetch", "all", "--from", str(mirror)]) == 0
    assert len(list(cache_folder().iterdir())) == 18


def test_command_line(mirror: Path, tmp_path: Path) -> None:
    """The real pins: this folder's file is not the published one, and every name's trouble is told."""
    command = [sys.executable, "-m", "pytest_stm32pose.cli", "models", "fetch", NAME, "--from", str(mirror)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert f"gave {len(CONTENT)} bytes" in done.stderr
