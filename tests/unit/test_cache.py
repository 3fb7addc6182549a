"""What is kept from run to run is given back as it was, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_stm32pose import cache
from pytest_stm32pose.cache import OFF, VARIABLE, Store, cache_home, code_digest, key_of, store
from pytest_stm32pose.settings import OPTIONS

BODY = bytes(range(256)) * 5


def test_an_entry_comes_back_as_it_was(tmp_path: Path) -> None:
    kept = Store(tmp_path / "new" / "folder")
    assert kept.get(key_of("a")) is None
    for body in (BODY, b""):
        kept.put(key_of("a"), body)
        assert kept.get(key_of("a")) == body
    assert kept.get(key_of("b")) is None


@pytest.mark.parametrize("place", [0, 31, 32, -1])
def test_a_damaged_entry_is_none(tmp_path: Path, place: int) -> None:
    kept, key = Store(tmp_path), key_of("a")
    kept.put(key, BODY)
    content = bytearray(kept.path(key).read_bytes())
    content[place] ^= 1
    kept.path(key).write_bytes(content)
    assert kept.get(key) is None


@pytest.mark.parametrize("length", [0, 1, 32, 33, 500])
def test_a_short_entry_is_none(tmp_path: Path, length: int) -> None:
    kept, key = Store(tmp_path), key_of("a")
    kept.put(key, BODY)
    kept.path(key).write_bytes(kept.path(key).read_bytes()[:length])
    assert kept.get(key) is None


def test_an_entry_under_another_name_is_none(tmp_path: Path) -> None:
    kept = Store(tmp_path)
    kept.put(key_of("a"), BODY)
    kept.path(key_of("a")).rename(kept.path(key_of("b")))
    assert kept.get(key_of("b")) is None


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    kept = Store(tmp_path / "file" / "folder")
    kept.put(key_of("a"), BODY)
    with kept.making(key_of("a")):
        assert kept.get(key_of("a")) is None


def test_the_least_recently_used_go(tmp_path: Path) -> None:
    kept = Store(tmp_path, max_bytes=3 * (len(BODY) + 32))
    keys = [key_of(str(number)) for number in range(4)]
    for age, key in enumerate(keys[:3]):
        kept.put(key, BODY)
        os.utime(kept.path(key), (1000 + age, 1000 + age))
    assert kept.get(keys[0]) == BODY  # which makes it the newest
    kept.put(keys[3], BODY)
    assert [kept.path(key).exists() for key in keys] == [True, False, True, True]


def test_what_is_too_large_is_not_kept(tmp_path: Path) -> None:
    kept = Store(tmp_path, max_bytes=len(BODY))
    kept.put(key_of("a"), BODY)
    assert kept.get(key_of("a")) is None
    Store(tmp_path).put(key_of("a"), BODY)
    assert kept.get(key_of("a")) is None, "its size is looked at before it is read"


@pytest.mark.parametrize("kind", ["pipe", "endless"])
def test_an_entry_that_is_no_file_is_none(tmp_path: Path, kind: str) -> None:
    """Nobody is waited for, and nothing that has no end is read."""
    kept, key = Store(tmp_path), key_of("a")
    if kind == "pipe":
        os.mkfifo(kept.path(key))
    else:
        kept.path(key).symlink_to("/dev/zero")
    assert kept.get(key) is None
    kept.put(key, BODY)
    assert kept.get(key) == BODY


def test_what_cannot_be_dropped_keeps_nothing_else(tmp_path: Path) -> None:
    kept = Store(tmp_path, max_bytes=2 * (len(BODY) + 32))
    in_the_way = kept.path(key_of("folder"))
    in_the_way.mkdir()
    os.utime(in_the_way, (1000, 1000))
    for number in range(4):
        kept.put(key_of(str(number)), BODY)
    files = [path for path in tmp_path.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 2 * (len(BODY) + 32)


def test_what_a_crash_left_behind_goes(tmp_path: Path) -> None:
    kept = Store(tmp_path)
    old, fresh = tmp_path / ".half", tmp_path / ".being-written"
    for path in (old, fresh):
        path.write_bytes(BODY)
    os.utime(old, (1000, 1000))
    kept.put(key_of("a"), BODY)
    assert (old.exists(), fresh.exists()) == (False, True)


def test_parts_of_a_key_do_not_run_together() -> None:
    assert len({key_of("ab", "c"), key_of("a", "bc"), key_of("abc"), key_of("abc", "")}) == 4
    assert key_of("a", b"b") == key_of("a", "b")


def test_where_it_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(VARIABLE, raising=False)
    kept, own = store("kind", None), store("kind", str(tmp_path / "own"))
    assert kept is not None and own is not None
    assert (kept.folder, own.folder) == (tmp_path / "stm32pose" / "kind", tmp_path / "own" / "kind")
    assert cache_home() == tmp_path / "stm32pose"
    assert store("kind", OFF) is None
    monkeypatch.setenv(VARIABLE, OFF)
    assert store("kind", None) is None


def test_the_variable_is_that_of_the_option() -> None:
    [option] = [option for option in OPTIONS if option.flag == "pose-cache"]
    assert option.environment == VARIABLE


def test_an_edit_of_the_code_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_PACKAGE", tmp_path)
    (tmp_path / "room").mkdir()
    source = tmp_path / "room" / "module.py"
    digests = []
    for text in ("one", "two"):
        source.write_text(text)
        code_digest.cache_clear()
        digests.append(code_digest("room"))
    (tmp_path / "room" / "notes.txt").write_text("no code")
    code_digest.cache_clear()
    digests.append(code_digest("room"))
    source.rename(source.with_name("other.py"))
    code_digest.cache_clear()
    digests.append(code_digest("room"))
    code_digest.cache_clear()
    assert digests[1] == digests[2]
    assert len(set(digests)) == 3
