"""What a run found wrong, once per cause, for the places where people review changes: GitHub annotations, GitLab code
quality.

Formats: docs.github.com "Workflow commands" (error command; ten of a kind in a step); docs.gitlab.com "Code Quality"
(CodeClimate subset; a finding is the same one in two reports when its fingerprint is).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from pytest_stm32pose.entries.run import RunEntry
from pytest_stm32pose.record.cause import Cause
from pytest_stm32pose.record.causes import causes

#: The file of a test as pytest names it -> its path in the repository; None for a file that is not in it.
Locate = Callable[[str], str | None]

MAX_ANNOTATIONS = 10
MAX_FINDINGS = 50
#: Where findings are shown that belong to no file of the repository; GitLab wants a place for each.
DEFAULT_PLACE = "pyproject.toml"
_SEVERITY = {"failed": "critical", "blocked": "major"}
#: `tests/test_pose.py::test_picture[n6-default-a]: what is wrong`
_OF_TEST = re.compile(r"(?P<test>(?P<file>\S+?\.py)::.+?): ")
#: What changes of a cause from run to run: how many pictures, how far off.
_FIGURES = re.compile(r"\d+ of \d+ pictures?|\([^()]*\)|\d+ failures")


@dataclass(frozen=True)
class _Finding:
    text: str
    same: str  #: what stays when its figures change: a test's node id, a cause; "" when the text does not
    path: str | None
    stands_alone: bool = True


def github_annotations(record: RunEntry, locate: Locate) -> list[str]:
    """GitHub workflow commands, one a cause; nothing of a run that passed."""
    kind = "error" if record.verdict == "failed" else "warning"
    commands = []
    for finding in _findings(record, locate, MAX_ANNOTATIONS):
        place = f"file={_escaped(finding.path, True)}," if finding.path else ""
        title = _escaped(f"Pose validation {record.verdict}", True)
        commands.append(f"::{kind} {place}title={title}::{_escaped(finding.text)}")
    return commands


def code_quality(record: RunEntry, locate: Locate) -> str:
    """GitLab's code quality report: JSON, a list that is empty for a run that passed."""
    findings: dict[str, dict[str, object]] = {}
    for finding in _findings(record, locate, MAX_FINDINGS):
        # A test that fails again with another figure is the same finding.
        identity = finding.same if finding.same and _fingerprint(record, finding.same) not in findings else finding.text
        fingerprint = _fingerprint(record, identity)
        findings[fingerprint] = {
            "description": finding.text,
            "check_name": f"stm32pose/{record.verdict}",
            "fingerprint": fingerprint,
            "severity": _SEVERITY[record.verdict],
            "location": {"path": finding.path or DEFAULT_PLACE, "lines": {"begin": 1}},
        }
    return json.dumps(list(findings.values()), indent=1) + "\n"


def _fingerprint(record: RunEntry, identity: str) -> str:
    return hashlib.sha256(f"{record.verdict}\0{identity}".encode()).hexdigest()


def _findings(record: RunEntry, locate: Locate, most: int) -> list[_Finding]:
    if record.verdict == "passed":
        return []
    found = [_finding(cause, locate) for cause in causes(record)]
    found = found or [_Finding(f"the verdict is {record.verdict}", "", None)]
    if len(found) > most:
        # Every regression and every cause of many failures comes before what stands alone.
        found.sort(key=lambda finding: finding.stands_alone)
        found[most - 1 :] = [_Finding(f"and {len(found) - most + 1} more; the record has them all", "", None)]
    return found


def _finding(cause: Cause, locate: Locate) -> _Finding:
    """One cause, at the test that shows it worst."""
    found = _OF_TEST.match(" ".join(cause.reasons[0].split()))
    text = " ".join(cause.line.split())
    if cause.rest:
        text += f" ({len(cause.reasons)} failures)"
    path = locate(found["file"]) if found else None
    # With another figure it is the same finding.
    same = _FIGURES.sub("", cause.line) if cause.is_group else found["test"] if found else ""
    return _Finding(text, same, path, cause.kind == "reason")


def _escaped(text: str, is_property: bool = False) -> str:
    """As the toolkit of GitHub's actions does it."""
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if is_property else text
