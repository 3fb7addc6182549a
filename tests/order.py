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
    "tests/firmware/test_protocol_sanitized.py": 461,
    "tests/plugin/test_docs.py": 430,
    "tests/virtual/test_zoo.py": 332,
    "tests/firmware/test_build.py": 315,
    "tests/plugin/test_install.py": 310,
    "tests/firmware/test_kernels_sanitized.py": 295,
    "tests/firmware/test_vendor_backends.py": 250,
    "tests/virtual/test_suite.py": 238,
    "tests/firmware/test_kernels.py": 220,
    "tests/virtual/test_gate_run.py": 220,
    "tests/virtual/test_bringup.py": 180,
    "tests/virtual/test_zoo_families.py": 202,
    "tests/virtual/test_plays_with_others.py": 177,
    "tests/firmware/test_images.py": 161,
    "tests/virtual/test_networks.py": 149,
    "tests/firmware/test_kernels_mve.py": 133,
    "tests/firmware/test_mve_paths.py": 132,
    "tests/virtual/test_conformance_run.py": 132,
    "tests/firmware/test_runtime_fuzz.py": 128,
    "tests/unit/metrics/test_map_independent.py": 126,
    "tests/virtual/test_f405.py": 123,
    "tests/plugin/test_report_browser.py": 123,
    "tests/virtual/test_verdicts.py": 118,
    "tests/virtual/test_own_family.py": 109,
    "tests/plugin/test_benches.py": 106,
    "tests/virtual/test_mutations.py": 99,
    "tests/contract/test_probe.py": 90,
    "tests/virtual/test_flow.py": 90,
    "tests/unit/record/test_columns.py": 30,
    "tests/virtual/test_over_all.py": 30,
    "tests/firmware/test_st_generations.py": 80,
    "tests/firmware/test_new_board.py": 75,
    "tests/firmware/test_stm32n6_start.py": 69,
    "tests/firmware/test_layouts.py": 60,
    "tests/virtual/test_labels.py": 66,
    "tests/plugin/test_listing.py": 40,
    "tests/unit/network/test_product.py": 10,
    "tests/virtual/test_vendor_run.py": 59,
    "tests/firmware/test_unseen_networks.py": 57,
    "tests/unit/network/test_reader.py": 53,
    "tests/unit/judge/test_gate.py": 53,
    "tests/plugin/test_init.py": 51,
    "tests/firmware/test_kernels_dsp.py": 47,
    "tests/unit/judge/test_simulation.py": 47,
    "tests/virtual/test_boards_start.py": 46,
    "tests/unit/report/test_sections.py": 41,
    "tests/virtual/test_stopped_emulator.py": 39,
    "tests/virtual/test_never_green.py": 38,
    "tests/firmware/test_input_forms.py": 35,
    "tests/firmware/test_repeats.py": 20,
    "tests/unit/protocol/test_st_generations.py": 32,
    "tests/virtual/test_st_loopback.py": 31,
    "tests/virtual/test_st_generations.py": 29,
    "tests/firmware/test_app_qemu.py": 29,
    "tests/plugin/test_plugin.py": 26,
    "tests/virtual/test_input_forms.py": 24,
    "tests/firmware/test_st_protocol.py": 22,
    "tests/firmware/test_crc_first.py": 30,
    "tests/unit/protocol/test_st_client.py": 21,
    "tests/plugin/test_markers.py": 20,
    "tests/unit/run/test_history.py": 20,
    "tests/firmware/test_wide_networks.py": 19,
    "tests/firmware/test_st_detection.py": 19,
    "tests/firmware/test_app_client.py": 19,
    "tests/contract/test_n6_load.py": 18,
    "tests/virtual/test_keypoint_sets.py": 16,
    "tests/firmware/test_circles.py": 16,
    "tests/virtual/test_persons.py": 15,
    "tests/virtual/test_st_hardware.py": 14,
    "tests/unit/models/test_convert.py": 14,
    "tests/firmware/test_runtime.py": 13,
    "tests/unit/judge/test_change.py": 13,
    "tests/unit/metrics/test_detection.py": 12,
    "tests/unit/test_imports.py": 12,
    "tests/contract/test_h747_load.py": 30,
    "tests/firmware/test_stm32h747_twin.py": 25,
    "tests/contract/test_h7_load.py": 12,
    "tests/unit/pictures/test_same_figures.py": 11,
    "tests/virtual/test_causes_run.py": 11,
    "tests/unit/golden/test_store.py": 10,
    "tests/firmware/test_kernel_rules.py": 10,
    "tests/virtual/test_probe_faults.py": 9,
    "tests/contract/test_transports.py": 9,
    "tests/virtual/test_families.py": 9,
    "tests/plugin/test_st_config.py": 9,
    "tests/firmware/test_detection_networks.py": 9,
    "tests/unit/record/test_causes.py": 8,
    "tests/unit/protocol/test_st_wire.py": 8,
    "tests/unit/judge/test_gate_property.py": 8,
    "tests/unit/network/test_compile.py": 8,
    "tests/unit/pictures/test_preprocess.py": 8,
    "tests/unit/report/test_html.py": 8,
    "tests/unit/firmware/test_folders.py": 8,
    "tests/unit/test_fixtures.py": 8,
    "tests/unit/record/test_entries.py": 8,
    "tests/unit/entries/test_codec.py": 8,
    "tests/unit/boards/test_fit.py": 7,
    "tests/firmware/test_digests.py": 5,
    "tests/unit/pictures/test_label_formats_fuzz.py": 7,
    "tests/firmware/test_links_together.py": 7,
    "tests/unit/record/test_parts.py": 7,
    "tests/firmware/test_open_requests.py": 7,
    "tests/firmware/test_streams.py": 7,
    "tests/firmware/test_st_messages.py": 6,
    "tests/firmware/test_app_families.py": 6,
    "tests/unit/models/test_fetch.py": 6,
    "tests/virtual/test_probe_flash.py": 6,
    "tests/firmware/test_stm32h7_start.py": 6,
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
