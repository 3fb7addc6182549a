"""Protocol and application tests once more, with AddressSanitizer and UndefinedBehaviorSanitizer in the firmware."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.firmware.build import CHECKOUT_DIR, build_host_library, sanitizer_environment
from tests.firmware.host_device import SANITIZE

TESTS = (
    "test_protocol_wire.py",
    "test_app_client.py",
    "test_app_persons.py",
    "test_app_slots.py",
    "test_digests.py",
    "test_st_messages.py",
    "test_st_protocol.py",
    "test_st_detection.py",
    "test_st_generations.py",
    "test_links_together.py",
    "../unit/families/test_yolo.py",
    "../unit/families/test_decoders.py",
    "test_app_families.py",
)
AT_ONCE = 3


def run(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        environment = {**sanitizer_environment(), SANITIZE: "1"}
    except ConfigError as error:
        pytest.skip(str(error))
    return subprocess.run(
        [sys.executable, *arguments], cwd=CHECKOUT_DIR, env=environment, capture_output=True, text=True, timeout=1500
    )


def run_tests(file: str) -> subprocess.CompletedProcess[str]:
    path = Path(__file__).parent / file
    return run(["-m", "pytest", str(path), "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header"])


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[subprocess.CompletedProcess[str]]]]:
    """Those that were asked for, some at once: half of their time is ST's time limits, in which nothing is done."""
    build_host_library("ref", sanitize=True)
    here = [item for item in request.session.items if item.path == request.path]
    files = [item.callspec.params["file"] for item in here if hasattr(item, "callspec")]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {file: pool.submit(run_tests, file) for file in files}


@pytest.mark.parametrize("file", TESTS)
def test_clean_under_sanitizers(file: str, runs: dict[str, Future[subprocess.CompletedProcess[str]]]) -> None:
    result = runs[file].result()
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]
    assert " passed" in result.stdout


def test_the_sanitizers_are_really_there() -> None:
    """Reading one byte behind a message must end the process."""
    library = build_host_library("ref", sanitize=True)
    script = (
        f"import ctypes; l = ctypes.CDLL({str(library)!r}); b = (ctypes.c_uint8 * 64)(); libc = ctypes.CDLL(None);"
        "libc.malloc.restype = ctypes.c_void_p; p = libc.malloc(16);"
        "l.pose_crc32(0, ctypes.c_void_p(p), ctypes.c_size_t(17))"
    )
    result = run(["-c", script])
    assert result.returncode != 0
    assert "heap-buffer-overflow" in result.stderr
