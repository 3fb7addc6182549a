"""Users' own tests that judge all pictures: with pytest-xdist's workers they come to what they come to without."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from tests.virtual.suite_run import run_suite

OWN = """
import pytest

@pytest.mark.xfail(strict=True)
def test_is_expected_to_break(pose_over_all):
    pose_over_all.budgets()

@pytest.mark.xfail
def test_may_break(pose_over_all):
    pose_over_all.budgets()

def test_judges_twice(pose_over_all):
    pose_over_all.budgets()
    pose_over_all.as_the_golden()

@pytest.fixture
def sour():
    yield
    raise ValueError("the fixture's own")

def test_with_a_fixture_that_fails(pose_over_all, sour):
    pose_over_all.budgets()
"""
AGAIN = """
tried = []

def test_again(pose_over_all):
    tried.append(1)
    pose_over_all.budgets()
    assert len(tried) > 1
"""
#: A picture that the suite's own test is kept from measuring.
SKIPPING = """
import pytest

def pytest_collection_modifyitems(items):
    for item in items:
        if item.name.startswith("test_picture") and "figure_1" in item.name:
            item.add_marker(pytest.mark.skip(reason="not today"))
"""
PICTURES = ("pytest_stm32pose.suite.test_3_accuracy", "-k", "not intermediate")


def outcomes(file: Path) -> dict[str, list[tuple[str, str]]]:
    """By test: how each of its phases that is told ended, and whether for a budget."""
    found: dict[str, list[tuple[str, str]]] = {}
    for case in ElementTree.parse(file).getroot().iter("testcase"):
        said = [(child.tag, "budget" if "oks_vs_truth_min" in child.get("message", "") else child.get("type", ""))
                for child in case if child.tag in ("failure", "error", "skipped")]  # fmt: skip
        found.setdefault(case.attrib["name"], []).extend(said)
    return {name: sorted(said) for name, said in found.items()}


def test_what_users_make_of_it(tmp_path: Path) -> None:
    """Expected failures, two judgements in one test, a fixture that fails behind a judgement, a picture left out."""
    (tmp_path / "test_own.py").write_text(OWN)
    (tmp_path / "conftest.py").write_text(SKIPPING)
    told = []
    for workers in ("-n0", "-n2"):
        done = run_suite(
            tmp_path, "--board=qemu-m55", "--pose-max-images=2", "--pose-budget=oks_vs_truth_min=0.999",
            "--junitxml=junit.xml", workers, tests=("test_own.py", "--pyargs", *PICTURES),
        )  # fmt: skip
        told.append((done.exit_code, done.record["verdict"], sorted(done.record["reasons"]),
                     [image["id"] for image in done.record["models"][0]["images"]],
                     outcomes(tmp_path / "junit.xml")))  # fmt: skip
    assert told[0] == told[1]
    assert told[0][0] == 1 and told[0][3] == ["figure_0", "figure_1"]
    by_test = {name.partition("[")[0]: said for name, said in told[0][4].items() if "picture" not in name}
    assert by_test["test_judges_twice"] == [("failure", "budget")]
    assert by_test["test_is_expected_to_break"] == [("skipped", "pytest.xfail")]
    assert ("failure", "budget") in by_test["test_with_a_fixture_that_fails"]


def test_a_test_that_is_run_again_is_run_again(tmp_path: Path) -> None:
    """By pytest-rerunfailures, also where other workers measure the pictures."""
    (tmp_path / "test_again.py").write_text(AGAIN)
    done = run_suite(tmp_path, "--board=qemu-m55", "--pose-max-images=2", "-n2", "--reruns=1",
                     "--pose-budget=tensor_lsb_max=0", tests=("test_again.py", "--pyargs", *PICTURES))  # fmt: skip
    assert (done.exit_code, done.record["verdict"]) == (0, "passed"), done.output
    assert "1 rerun" in done.output
