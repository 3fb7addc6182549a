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
#: File -> seconds of one worker of two, roughly.
SECONDS: dict[str, int] = {
    "tests/virtual/test_zoo.py": 220,
    "tests/plugin/test_install.py": 220,
    "tests/firmware/test_protocol_sanitized.py": 200,
    "tests/virtual/test_verdicts.py": 160,
    "tests/virtual/test_mutations.py": 150,
    "tests/plugin/test_report_browser.py": 150,
    "tests/virtual/test_suite.py": 140,
    "tests/firmware/test_kernels_sanitized.py": 130,
    "tests/firmware/test_kernels.py": 120,
    "tests/firmware/test_images.py": 120,
    "tests/firmware/test_kernels_mve.py": 120,
    "tests/plugin/test_docs.py": 110,
    "tests/virtual/test_gate_run.py": 100,
    "tests/firmware/test_input_forms.py": 100,
    "tests/virtual/test_networks.py": 100,
    "tests/virtual/test_plays_with_others.py": 100,
    "tests/virtual/test_zoo_families.py": 100,
    "tests/firmware/test_vendor_backends.py": 90,
    "tests/virtual/test_never_green.py": 80,
    "tests/plugin/test_benches.py": 80,
    "tests/unit/judge/test_simulation.py": 80,
    "tests/plugin/test_init.py": 70,
    "tests/plugin/test_markers.py": 60,
    "tests/plugin/test_plugin.py": 60,
    "tests/firmware/test_st_generations.py": 80,
    "tests/firmware/test_build.py": 80,
    "tests/unit/metrics/test_map_independent.py": 80,
    "tests/firmware/test_circles.py": 60,
    "tests/virtual/test_own_family.py": 100,
    "tests/virtual/test_conformance_run.py": 60,
    "tests/virtual/test_labels.py": 50,
    "tests/virtual/test_f405.py": 50,
    "tests/virtual/test_st_loopback.py": 50,
    "tests/firmware/test_runtime_fuzz.py": 50,
    "tests/firmware/test_runtime.py": 40,
    "tests/virtual/test_boards_start.py": 40,
    "tests/virtual/test_persons.py": 40,
    "tests/virtual/test_input_forms.py": 40,
    "tests/unit/pictures/test_preprocess.py": 40,
    "tests/unit/network/test_reader.py": 40,
    "tests/virtual/test_causes_run.py": 30,
    "tests/unit/judge/test_gate.py": 30,
    "tests/unit/network/test_compile.py": 25,
    "tests/unit/judge/test_change.py": 25,
    "tests/unit/run/test_history.py": 25,
    "tests/virtual/test_probe_faults.py": 20,
    "tests/virtual/test_probe_flash.py": 20,
    "tests/virtual/test_stopped_emulator.py": 20,
    "tests/virtual/test_power_cycle.py": 20,
    "tests/virtual/test_st_hardware.py": 20,
    "tests/virtual/test_vendor_run.py": 20,
    "tests/unit/protocol/test_st_wire.py": 20,
    "tests/unit/record/test_entries.py": 20,
    "tests/unit/golden/test_store.py": 15,
    "tests/firmware/test_app_client.py": 15,
}


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
