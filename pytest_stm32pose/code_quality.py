"""What a run found wrong, for the places where people review changes: GitHub annotations, GitLab code quality.

Formats: docs.github.com "Workflow commands" (error command); docs.gitlab.com "Code Quality" (CodeClimate subset).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

MAX_FINDINGS = 50
_SEVERITY = {"failed": "critical", "blocked": "major"}


def github_annotations(record: Mapping[str, Any]) -> list[str]:
    """GitHub workflow commands, one a reason; nothing of a run that passed."""
    kind = "error" if record["verdict"] == "failed" else "warning"
    title = f"Pose validation {record['verdict']}"
    return [f"::{kind} title={_escaped(title, True)}::{_escaped(reason)}" for reason in _reasons(record)]


def code_quality(record: Mapping[str, Any], path: str) -> str:
    """GitLab's code quality report: JSON. `path`: the file of the repository that findings are shown at."""
    findings = [
        {
            "description": reason,
            "check_name": f"stm32pose/{record['verdict']}",
            "fingerprint": hashlib.sha256(f"{record['verdict']}\0{reason}".encode()).hexdigest(),
            "severity": _SEVERITY[record["verdict"]],
            "location": {"path": path, "lines": {"begin": 1}},
        }
        for reason in _reasons(record)
    ]
    return json.dumps(findings, indent=1) + "\n"


def _reasons(record: Mapping[str, Any]) -> Iterator[str]:
    if record["verdict"] == "passed":
        return
    reasons = record["reasons"] or [f"the verdict is {record['verdict']}"]
    yield from (" ".join(str(reason).split()) for reason in reasons[:MAX_FINDINGS])
    if len(reasons) > MAX_FINDINGS:
        yield f"and {len(reasons) - MAX_FINDINGS} more; the record has them all"


def _escaped(text: str, is_property: bool = False) -> str:
    """As the toolkit of GitHub's actions does it."""
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if is_property else text
