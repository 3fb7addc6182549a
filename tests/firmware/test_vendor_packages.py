"""ST's own packages and generated networks that a user has: each combination is built. Without any it skips."""

from __future__ import annotations

import shutil

import pytest

from tests.firmware.vendor_network import FOLDER
from tests.firmware.vendor_packages import VARIABLE, folders, rows, table

needs_compiler = pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is missing")


@needs_compiler
@pytest.mark.skipif(not folders(), reason=f"{VARIABLE}=path:path names folders of ST's packages and generated networks")
@pytest.mark.timeout(0)
def test_every_combination_compiles_and_links_or_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    missing = [folder for folder in folders() if not folder.is_dir()]
    assert not missing, f"{VARIABLE} names folders that are not there: {missing}"
    found = list(rows(folders()))
    with capsys.disabled():
        print(f"\n{table(found)}")
    assert found, "no network with a package and a library for a board of its API"
    broken = [row for row in found if not row.compiles and "\n" in row.problem]
    assert not broken, "\n".join(row.problem for row in broken)


@needs_compiler
def test_the_stand_ins_are_found_as_a_users_folders_are() -> None:
    """Without a library for the core there is nothing to build, but every network and package is seen."""
    assert list(rows([FOLDER])) == []
