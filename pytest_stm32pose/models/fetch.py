"""Gets the files of the zoo from their public addresses, or from a mirror, into the cache folder.

Nothing is trusted but the SHA-256 and the size that zoo.toml pins: a file appears under its name only after both were
checked. Every read is bounded in bytes and in time.
"""

from __future__ import annotations

import hashlib
import http.client
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from pytest_stm32pose.errors import ConfigError, ModelError
from pytest_stm32pose.files import write_atomically
from pytest_stm32pose.models.zoo import ZooRow, cache_folder, zoo_row

#: Seconds without a byte, and for a whole file.
SILENCE_S = 20.0
TOTAL_S = 600.0
_CHUNK_BYTES = 1 << 16
_SCHEMES = ("http", "https")


@dataclass(frozen=True)
class _Pinned:
    """A row whose file is known."""

    row: ZooRow
    sha256: str
    bytes: int


def fetch(name: str, source: str | None = None, folder: Path | None = None) -> tuple[Path, bool]:
    """The verified file of a zoo row, fetched when it is not there yet.

    Args:
        name: row, or its file's name.
        source: a folder, or the address of one (http, https), that holds the file under its own name; default the
            row's public address.
        folder: where it is put; default `cache_folder()`.

    Returns:
        The file, and whether it was fetched now (False: it was there already, and is right).

    Raises:
        ConfigError: no such row, the source does not answer or lacks the file, or the folder cannot be written.
        ModelError: the row is not pinned, has no public address, or what arrived is not the pinned file.
    """
    row = zoo_row(name)
    if row.sha256 is None or row.bytes is None:
        raise ModelError(
            f"{row.name} is not pinned, and nothing is fetched that cannot be verified: {row.note}.",
            remedy=f"Get {row.file} yourself, and name it by its path.",
        )
    path = (folder or cache_folder()) / row.file
    pin = _Pinned(row, row.sha256, row.bytes)
    if _is_pinned(path, pin):
        return path, False
    content, origin = _read(pin, source)
    _check(content, pin, origin)
    write_atomically(path, content)
    return path, True


def _is_pinned(path: Path, pin: _Pinned) -> bool:
    """Whether the row's very file is there already; a damaged or foreign one is replaced."""
    try:
        return path.stat().st_size == pin.bytes and hashlib.sha256(path.read_bytes()).hexdigest() == pin.sha256
    except OSError:
        return False


def _read(pin: _Pinned, source: str | None) -> tuple[bytes, str]:
    """At most one byte more than the pinned size, and where they are from."""
    if source is None:
        if pin.row.url is None:
            raise ModelError(
                f"{pin.row.name} has no public address: its file was converted from float weights.",
                remedy=f"Take it from a folder that has it (--from DIR), or make it: {pin.row.recipe}",
            )
        return _download(pin.row.url, pin), pin.row.url
    if urllib.parse.urlsplit(source).scheme in _SCHEMES:
        url = source.rstrip("/") + "/" + urllib.parse.quote(pin.row.file)
        return _download(url, pin), url
    path = Path(source).expanduser() / pin.row.file
    try:
        with path.open("rb") as stream:
            return stream.read(pin.bytes + 1), str(path)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}.", remedy=f"--from names a folder that holds {pin.row.file}."
        ) from error


def _download(url: str, pin: _Pinned) -> bytes:
    remedy = "Without a network, take the file from a folder: --from DIR."
    began = time.monotonic()
    content = bytearray()
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "pytest-stm32pose", "Accept-Encoding": "identity"})
        with urllib.request.urlopen(request, timeout=SILENCE_S) as answer:
            while len(content) <= pin.bytes:
                chunk = answer.read1(min(_CHUNK_BYTES, pin.bytes + 1 - len(content)))
                if not chunk:
                    break
                content += chunk
                if time.monotonic() - began > TOTAL_S:
                    raise TimeoutError(f"not done after {TOTAL_S:g} s")
    except urllib.error.HTTPError as error:
        raise ConfigError(f"{url} was answered with {error.code} {error.reason}.", remedy=remedy) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise ConfigError(f"{url} cannot be fetched: {reason}.", remedy=remedy) from error
    return bytes(content)


def _check(content: bytes, pin: _Pinned, origin: str) -> None:
    remedy = "Nothing was stored; the source holds another version of the file, or damaged it on the way."
    if len(content) != pin.bytes:
        got = f"more than {pin.bytes}" if len(content) > pin.bytes else str(len(content))
        raise ModelError(f"{origin} gave {got} bytes, {pin.row.file} has {pin.bytes}.", remedy=remedy)
    found = hashlib.sha256(content).hexdigest()
    if found != pin.sha256:
        raise ModelError(f"{origin} has SHA-256 {found}, pinned for {pin.row.file} is {pin.sha256}.", remedy=remedy)
