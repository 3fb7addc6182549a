"""Markers when tests are collected: what means nothing is a usage error at its place; and runs without a board."""

from __future__ import annotations

import numpy  # noqa: F401, or the runs in this process would load it, lose it, and load it again
import pytest

OWN = """
import pytest

{marker}
def test_own(pose_check, pose_picture):
    pose_check(pose_picture)
"""
BARE = OWN.format(marker="")


def errors(result: pytest.RunResult) -> list[str]:
    return [line for line in (*result.outlines, *result.errlines) if line.startswith("ERROR")]


def run(pytester: pytest.Pytester, source: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(test_own=source)
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", *options)


def test_a_marker_is_checked_though_its_test_is_deselected(pytester: pytest.Pytester) -> None:
    result = run(
        pytester, OWN.format(marker="@pytest.mark.pose_budget(oks=1)") + "\ndef test_b(): pass\n", "-k", "test_b"
    )
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_a_marker_that_a_conftest_adds_is_checked(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest

        def pytest_collection_modifyitems(items):
            for item in items:
                item.add_marker(pytest.mark.pose_budget(oks=1))
        """
    )
    result = run(pytester, BARE)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "'oks'" in errors(result)[0]


CLASS = """
import pytest

pytestmark = pytest.mark.pose_board(kind="hardwear")

@pytest.mark.pose_budget(oks=1)
class TestOwn:
    @pytest.mark.pose_gate(latncy_p50="2 %")
    @pytest.mark.pose_budget("tensor_lsb_max", 0)
    def test_a(self, pose_check, pose_picture):
        pose_check(pose_picture)

    @pytest.mark.pose_model(name="x")
    @pytest.mark.pose_budget(tensor_lsb_mx=0)
    def test_b(self, pose_check, pose_picture):
        pose_check(pose_picture)
"""
#: Place -> words of the one sentence about it.
FOUND = {
    "test_own.py::TestOwn::test_a (line 7): marker pose_gate": "Did you mean latency_p50?",
    "test_own.py::TestOwn::test_a (line 7): pose_budget": "not 'tensor_lsb_max', 0 alone",
    "test_own.py::TestOwn::test_b (line 12): pose_model": "not name=",
    "test_own.py::TestOwn::test_b (line 12): There is no budget": "Did you mean tensor_lsb_max?",
    "test_own.py::TestOwn (a marker that reaches test_own.py::TestOwn::test_a)": "no budget named 'oks'",
    "test_own.py (a marker that reaches test_own.py::TestOwn::test_a)": "Did you mean hardware?",
}


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "xdist"])
def test_every_mistake_is_told_once_with_its_place(pytester: pytest.Pytester, workers: tuple[str, ...]) -> None:
    if workers:
        pytest.importorskip("xdist")
        pytester.makepyfile(test_own=CLASS)
        result = pytester.runpytest_subprocess("-p", "no:cacheprovider", *workers)
    else:
        result = run(pytester, CLASS)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "INTERNALERROR" not in result.stdout.str()
    found = errors(result)
    assert len(found) == len(FOUND), found
    for place, words in FOUND.items():
        assert any(place in error and words in error for error in found), (place, found)
    result.assert_outcomes()


def test_a_budget_that_no_test_applies_is_refused(pytester: pytest.Pytester) -> None:
    source = """
import pytest

@pytest.mark.pose_budget(tensor_lsb_max=0)
def test_own(pose_device):
    pass
"""
    [error] = errors(run(pytester, source))
    assert "test_own.py::test_own (line 3): pose_budget(tensor_lsb_max) applies to nothing" in error


REACHES = """
import pytest

@pytest.mark.pose_budget(tensor_lsb_max=0)
class TestOwn:
    def test_stack(self, pose_device):
        pass
{more}
"""
CHECKS = """
    def test_picture(self, pose_check, pose_picture):
        pose_check(pose_picture)
"""


def test_a_classs_budget_needs_one_test_that_applies_it(pytester: pytest.Pytester) -> None:
    [error] = errors(run(pytester, REACHES.format(more="")))
    assert "test_own.py::TestOwn" in error and "applies to nothing" in error
    both = run(pytester, REACHES.format(more=CHECKS))
    both.assert_outcomes(skipped=2)
    one = run(pytester, REACHES.format(more=CHECKS), "test_own.py::TestOwn::test_stack")
    one.assert_outcomes(skipped=1)


def test_the_gates_limits_of_two_tests_must_be_comparable(pytester: pytest.Pytester) -> None:
    second = OWN.format(marker="@pytest.mark.pose_gate(activation_kib=2)").replace("test_own", "test_other")
    result = run(pytester, OWN.format(marker='@pytest.mark.pose_gate(activation_kib="2 %")') + second)
    [error] = errors(result)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "activation_kib is 2 % in one test and 2 KiB in another" in error


NO_BOARD = "stm32pose: no board was named, so 1 test that needs one skips: --board=NAME"


def test_without_a_board_header_and_summary_say_so(pytester: pytest.Pytester) -> None:
    result = run(pytester, BARE)
    result.assert_outcomes(skipped=1)
    assert result.ret == 0
    assert sum(line.startswith(NO_BOARD) for line in result.outlines) == 2


def test_without_a_board_workers_say_so_once(pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    pytester.makepyfile(test_own=BARE)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-n1")
    assert result.ret == 0
    assert sum(line.startswith(NO_BOARD) for line in result.outlines) == 1


def test_whoever_tests_something_else_hears_nothing_of_boards(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\npose_require_board = true\npose_budget = tensor_lsb_max=0\n")
    result = run(pytester, "def test_nothing(): pass")
    result.assert_outcomes(passed=1)
    assert result.ret == 0 and "pose" not in result.stdout.str().replace("stm32pose-0", "").replace("stm32pose-1", "")


@pytest.mark.parametrize("way", ["ini", "environment", "xdist"])
def test_a_board_can_be_required(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    pytester.makepyfile(test_own=BARE)
    options = ["-p", "no:cacheprovider"]
    if way == "ini":
        pytester.makeini("[pytest]\npose_require_board = true\n")
    elif way == "environment":
        monkeypatch.setenv("STM32POSE_REQUIRE_BOARD", "1")
    else:
        options.append("--pose-require-board")
    if way == "xdist":
        pytest.importorskip("xdist")
        result = pytester.runpytest_subprocess(*options, "-n1")
    else:
        result = pytester.runpytest_inprocess(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    [error] = errors(result)
    assert "1 test needs a board and none is named, which --pose-require-board makes an error" in error
    assert NO_BOARD not in result.stdout.str()


def test_collecting_alone_needs_no_board(pytester: pytest.Pytester) -> None:
    assert run(pytester, BARE, "--pose-require-board", "--collect-only").ret == 0


@pytest.mark.parametrize("option", ["--pose-gate", "--pose-budget=tensor_lsb_max=0"])
def test_what_judges_a_board_needs_one(pytester: pytest.Pytester, option: str) -> None:
    result = run(pytester, BARE, option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    [error] = errors(result)
    assert option.partition("=")[0] in error and "1 test needs a board and none is named" in error
