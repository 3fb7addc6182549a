"""One verdict of many outcomes."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_stm32pose.entries.run import Verdict as Verdict
from pytest_stm32pose.record.cause import REGRESSION


def combine_verdicts(outcomes: Iterable[tuple[str, str]]) -> tuple[Verdict, list[str]]:
    """One verdict of (verdict, reason) pairs: blocked before failed before passed; usage errors count as blocked.

    Returns:
        The verdict, and the reasons of what did not pass, without repetitions: the blocked ones first, of each kind the
        regressions. No outcome at all is blocked: nothing was tested.
    """
    found = [("blocked" if verdict not in ("passed", "failed") else verdict, reason) for verdict, reason in outcomes]
    if not found:
        return "blocked", ["No check ran."]
    # A regression is what a gate is for: it is never below what a list leaves out.
    found.sort(key=lambda outcome: not outcome[1].startswith(REGRESSION))
    ordered = [reason for wanted in ("blocked", "failed") for verdict, reason in found if verdict == wanted]
    for verdict in ("blocked", "failed"):
        if any(each == verdict for each, _ in found):
            return verdict, list(dict.fromkeys(ordered))
    return "passed", []
