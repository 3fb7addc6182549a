"""Files that are written whole or not at all; what cannot be written is one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.files import write_atomically


def test_a_file_appears_whole_in_a_folder_that_is_made(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a" / "b.json", b"{}")
    assert (tmp_path / "a" / "b.json").read_bytes() == b"{}"
    assert [each.name for each in (tmp_path / "a").iterdir()] == ["b.json"]


@pytest.mark.parametrize("name", ["", "/"])
def test_what_is_no_file(name: str) -> None:
    with pytest.raises(ConfigError, match=r"is no file that can be written\. Name a file"):
        write_atomically(Path(name), b"")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written: Is a directory"):
        write_atomically(tmp_path, b"")
    assert list(tmp_path.parent.glob(f".{tmp_path.name}*")) == []
