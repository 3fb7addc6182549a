"""How long the files of tests last, so that the workers of `make test` begin with what lasts longest.

`pytest ... --junitxml=run.xml && python -m tests.order run.xml` prints the table anew. Only the order hangs on it: what
is not in it comes last.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: Files that last longer than this are named.
WORTH_S = 5
#: File -> seconds of one worker of two.
SECONDS: dict[str, int] = {}


def seconds_of(path: Path) -> int:
    """What a file of tests is known to last, 0 when it is not."""
    return SECONDS.get(str(path.relative_to(ROOT)), 0) if path.is_relative_to(ROOT) else 0


def measured(junit: Path) -> dict[str, int]:
    """Seconds of each file of a run, the longest first."""
    total: Counter[str] = Counter()
    for case in ET.parse(junit).iter("testcase"):
        total[f"{case.get('classname', '').replace('.', '/')}.py"] += float(case.get("time", 0))  # type: ignore[assignment]
    return {file: round(seconds) for file, seconds in total.most_common() if seconds > WORTH_S}


if __name__ == "__main__":
    for file, seconds in measured(Path(sys.argv[1])).items():
        print(f'    "{file}": {seconds},')
