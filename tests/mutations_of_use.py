"""Defects of what a run is given, and of what judges it: limits, selections, networks, labels, goldens, hosts.

Nothing may be green because a limit was lost, because nothing was judged, or because a file says something else than
what it holds. See mutations.py.
"""

from __future__ import annotations

from tests.mutation import GATE, M55, PICTURES_ONLY, REFUSED, SAME, USAGE_ERROR, Edit, Mutation
from tests.support import planted_files as files

LIMIT_LOST = "limit that is lost"
NOTHING_JUDGED = "run that judged nothing"
OTHER_INPUT = "answer to another input"
UNCLEAR = "loss that is left open"
NETWORK = "network that cannot be run as it is"
LABELS = "labels that say something else"
GOLDEN = "golden that lacks something"
SILENT = "device that says nothing"
LINKS = "two hosts at once"
MENDED = "mend that is undone"
#: In the document.
ORDER = (LIMIT_LOST, NOTHING_JUDGED, OTHER_INPUT, UNCLEAR, NETWORK, LABELS, GOLDEN, SILENT, LINKS, MENDED)

OWN = """
def test_own(pose_check, pose_images):
    for picture in pose_images:
        pose_check(picture)
"""
CLASS_BUDGET = """
import pytest

@pytest.mark.pose_budget(activation_kib_max=10)
class TestOwn:
    @pytest.mark.pose_budget(tensor_lsb_max=0)
    def test_own(self, pose_check, pose_images):
        pose_check(pose_images[0])
"""
STACKED_BUDGETS = """
import pytest

@pytest.mark.pose_budget(tensor_lsb_max=0)
@pytest.mark.pose_budget(activation_kib_max=10)
def test_own(pose_check, pose_images):
    pose_check(pose_images[0])
"""
MODULE_BUDGET = """
import pytest

pytestmark = pytest.mark.pose_budget(activation_kib_max=10)

@pytest.mark.pose_budget(tensor_lsb_max=0)
def test_own(pose_check, pose_images):
    pose_check(pose_images[0])
"""
BUDGET_OF_NOTHING = """
import pytest

@pytest.mark.pose_budget(tensor_lsb_max=0)
def test_own(pose_check):
    pass
"""
MISSPELT_BUDGET = """
import pytest

@pytest.mark.pose_budget(tensor_lbs_max=0)
def test_own(pose_check, pose_images):
    pose_check(pose_images[0])
"""
POSITIONAL_BUDGET = """
import pytest

@pytest.mark.pose_budget("tensor_lsb_max", 0)
def test_own(pose_check, pose_images):
    pose_check(pose_images[0])
"""
OTHER_CORE = """
import pytest

pytestmark = pytest.mark.pose_board(core="cortex-m7")

@pytest.mark.pose_board(capability="self_test")
def test_own(pose_board):
    pass
"""
OTHER_NAME = """
import pytest

@pytest.mark.pose_board(name="qemu-m7*")
def test_own(pose_check, pose_images):
    pose_check(pose_images[0])
"""
SKIPPED = """
import pytest

@pytest.mark.skip(reason="not today")
def test_own(pose_check, pose_images):
    pose_check(pose_images[0])
"""
MIRRORED = """
from dataclasses import replace

def test_as_it_is(pose_check, pose_images):
    pose_check(pose_images[0])

def test_mirrored(pose_check, pose_images):
    picture = pose_images[0]
    pose_check(replace(picture, pixels=picture.pixels[:, ::-1].copy(), truth=None))
"""
DIES_ONCE = """
import os
from pathlib import Path

def test_own(pose_check, pose_images):
    pose_check(pose_images[0])

def test_dies_once(pose_device):
    if not Path("died").exists():
        Path("died").touch()
        os._exit(3)
"""
#: The sizes of the default network are known: 79.9 KiB of activations.
ARENA = ("activation_kib_max is broken: 78.1562 KiB, allowed is at most 10.",)

LIMITS = (
    Mutation("budget-of-a-class", LIMIT_LOST, "a class's budget is broken, under a function's that is kept", "test_own",
             ARENA, own_tests=CLASS_BUDGET),
    Mutation("budgets-stacked", LIMIT_LOST, "the farther of two stacked budgets is broken, the closer one is kept",
             "test_own", ARENA, own_tests=STACKED_BUDGETS),
    Mutation("budget-of-a-module", LIMIT_LOST, "a module's budget is broken, under a function's that is kept",
             "test_own", ARENA, own_tests=MODULE_BUDGET),
    Mutation("budget-misspelt", LIMIT_LOST, "`pose_budget(tensor_lbs_max=0)`", "collection",
             ("There is no budget named 'tensor_lbs_max'", "tensor_lsb_max"), REFUSED, own_tests=MISSPELT_BUDGET,
             exit_code=USAGE_ERROR),
    Mutation("budget-positional", LIMIT_LOST, '`pose_budget("tensor_lsb_max", 0)`', "collection",
             ("pose_budget takes names with values, not 'tensor_lsb_max', 0 alone",), REFUSED,
             own_tests=POSITIONAL_BUDGET, exit_code=USAGE_ERROR),
    Mutation("check-without-budgets", LIMIT_LOST, "`pose_check(picture)` on a network with a flipped weight",
             "test_own", ("tensor_lsb_max is broken", "First divergence: operator"), own_tests=OWN,
             options=("--pose-fault=weights-bit",)),
    Mutation("run-budget-own-tests", LIMIT_LOST, "`--pose-budget` is broken, of a run with tests of one's own", "run",
             ("2 pictures on qemu-m55: activation_kib_max is broken",), own_tests=OWN,
             options=("--pose-budget=activation_kib_max=10",)),
    Mutation("run-budget-selection", LIMIT_LOST, "`--pose-budget` is broken, and `-k` deselects the suite's own test",
             "run", ("2 pictures on qemu-m55: oks_vs_truth_min is broken", "(n=2, ", "allowed is at least 1."),
             options=(*PICTURES_ONLY, "--pose-budget=oks_vs_truth_min=1")),
)  # fmt: skip

SELECTIONS = (
    Mutation("run-budget-nothing-measured", NOTHING_JUDGED, "`--pose-budget`, and no test measures a picture", "run",
             ("1 budget was given (tensor_lsb_max) and never judged: no picture was measured.",), "blocked",
             options=("-k", "test_firmware_on_target", "--pose-budget=tensor_lsb_max=0")),
    Mutation("gate-nothing-measured", NOTHING_JUDGED, "`--pose-gate`, and no test measures a picture", "gate",
             ("not compared with the baseline: the run measured nothing",), "blocked",
             options=("-k", "test_firmware_on_target", *GATE), before=(*M55, *PICTURES_ONLY)),
    Mutation("budget-of-nothing", NOTHING_JUDGED, "a test with `pose_budget` gives `pose_check` no picture", "test_own",
             ("The budgets of this test (tensor_lsb_max) applied to nothing: it judged no picture.",), "blocked",
             own_tests=BUDGET_OF_NOTHING),
    Mutation("board-of-another-core", NOTHING_JUDGED,
             "a module is for `core=\"cortex-m7\"`, and all tests of the run are in it", "run",
             ("No check ran: the one test that needs a board was skipped", "needs core cortex-m7"), "blocked",
             own_tests=OTHER_CORE),
    Mutation("board-of-another-name", NOTHING_JUDGED, "`pose_board(name=\"qemu-m7*\")` on the only test", "run",
             ("No check ran: the one test that needs a board was skipped", "is for boards named qemu-m7*"), "blocked",
             own_tests=OTHER_NAME),
    Mutation("all-skipped", NOTHING_JUDGED, "every test is skipped, and a budget was given", "run",
             ("1 budget was given (tensor_lsb_max) and never judged",), "blocked", own_tests=SKIPPED,
             options=("--pose-budget=tensor_lsb_max=0",)),
    Mutation("no-test", NOTHING_JUDGED, "`-k` selects no test", "run",
             ("No check ran: no test that needs a board was selected.",), "blocked", own_tests=OWN,
             options=("-k", "no_such_test"), exit_code=5),
    Mutation("no-picture", NOTHING_JUDGED, "`--pose-max-images=0`", "collection",
             ("--pose-max-images: '0' is not a whole number of at least 1.",), REFUSED,
             options=("--pose-max-images=0",), exit_code=USAGE_ERROR),
    Mutation("no-board", NOTHING_JUDGED, "no board is named, and `--pose-require-board` asks for one", "collection",
             ("1 test needs a board and none is named",), REFUSED, own_tests=OWN, board=(),
             options=("--pose-require-board",), exit_code=USAGE_ERROR),
    Mutation("worker-killed", NOTHING_JUDGED, "a worker of pytest-xdist dies, and its tests run again elsewhere", "run",
             ("Worker gw", "of pytest-xdist ended before it could say what it measured"), "blocked",
             own_tests=DIES_ONCE, options=("-n2", "--reruns=2")),
)  # fmt: skip

COMPARISONS = (
    Mutation("mirrored", OTHER_INPUT,
             "a picture is mirrored and keeps its id, and the device is wrong about it only "
             "(`tests/mutants/only_the_first_is_right.py`)", "test_mirrored",
             ("figure_0~", "tensor_lsb_max is broken: 256 LSB", "First divergence: output tensor"),
             own_tests=MIRRORED, mutant="only_the_first_is_right"),
    Mutation("unclear", UNCLEAR,
             "another network file is a little worse on one picture of two (`tests/mutants/a_little_worse.py`)", "gate",
             ("unclear: stick_pose_96_int8 on qemu-m55: oks_vs_truth went from",
              "with 2 samples this is not told apart from noise"),
             mutant="a_little_worse", options=(*PICTURES_ONLY, *GATE),
             before=(*M55, "--pose-model=release/stick_pose_96_int8.tflite", *PICTURES_ONLY)),
    Mutation("compare-failed", UNCLEAR, "`stm32pose compare` with the record of a run that failed by its own budget",
             "stm32pose compare", ("the run itself failed: 2 pictures on qemu-m55: activation_kib_max is broken",),
             options=(*PICTURES_ONLY, "--pose-budget=activation_kib_max=10"), before=(*SAME, *PICTURES_ONLY),
             command=("compare", "before.json", "record.json")),
)  # fmt: skip


def network(name: str, planted: str, says: tuple[str, ...], prepare: files.Prepare, *more: str) -> Mutation:
    """A network that is refused before a board is taken."""
    options = (f"--pose-model={files.NETWORK}", *more)
    return Mutation(
        name, NETWORK, planted, "collection", says, REFUSED, prepare=prepare, options=options, exit_code=USAGE_ERROR
    )


NETWORKS = (
    network("network-detector", "a detector of four classes, [1, 8, 84], which could be YOLO of one keypoint",
            ("net: ", "[1, 8, 84]", "1 keypoint", "--pose-family"), files.network((1, 8, 84))),
    network("network-regression", "regressed keypoints, [1, 17, 3], which could be YOLO of four keypoints",
            ("net: ", "[1, 17, 3]", "regressed keypoints", "--pose-family=none"), files.network((1, 17, 3))),
    network("network-int8-input", "an int8 input",
            ("the input is int8 [1, 64, 64, 3]", "tf.uint8"), files.network(dtype="int8")),
    network("network-grey-input", "an input for grey pictures",
            ("the input is uint8 [1, 64, 64, 1]", "It takes grey pictures"), files.network(shape=(1, 64, 64, 1))),
    network("network-channels-first", "an input with its channels first",
            ("the input is uint8 [1, 3, 64, 64]", "channels come first"), files.network(shape=(1, 3, 64, 64))),
    network("network-too-large", "an input that is larger than the board's slots",
            ("net", "does not fit qemu-m55: the input needs 2,116,800 bytes, its input slots hold 2,097,088"),
            files.large_network, "--pose-family=none"),
)  # fmt: skip


def labels(
    name: str, planted: str, check: str, says: tuple[str, ...], prepare: files.Prepare, **more: object
) -> Mutation:
    """Labels that are wrong, or wrongly read: OKS against them is judged by a budget."""
    options = (f"--pose-images={files.LABELLED}", "--pose-budget=oks_vs_truth_min=0.5", *PICTURES_ONLY)
    return Mutation(name, LABELS, planted, check, says, prepare=prepare, options=options, **more)  # type: ignore[arg-type]


def refused_labels(name: str, planted: str, says: tuple[str, ...], prepare: files.Prepare) -> Mutation:
    """Labels that are refused before a board is taken."""
    return labels(name, planted, "collection", says, prepare, verdict=REFUSED, exit_code=USAGE_ERROR)


BROKEN_OKS = ("2 pictures on qemu-m55: oks_vs_truth_min is broken", "allowed is at least 0.5.")
LABEL_FILES = (
    labels("labels-turned", "labels of EXIF-rotated pictures are not turned (`tests/mutants/labels_stay_turned.py`)",
           "run", BROKEN_OKS, files.labelled(files.as_stored), mutant="labels_stay_turned"),
    labels("labels-order", "keypoints are not reordered by their names (`tests/mutants/names_are_not_read.py`)",
           "run", BROKEN_OKS, files.labelled(files.other_order), mutant="names_are_not_read"),
    labels("labels-area", "a person without an area counts (`tests/mutants/area_is_not_asked.py`)",
           "run", BROKEN_OKS, files.labelled(files.empty_box), mutant="area_is_not_asked"),
    refused_labels("labels-size", "another width than the picture has",
                   ("figure_0.png has 220 x 120 pixels, but it has 160 x 120",), files.labelled(files.other_size)),
    refused_labels("labels-names", "a set of keypoint names that no network has", ("head is missing",),
                   files.labelled(files.other_name)),
    refused_labels("labels-fractions", "coordinates 0..1 on one picture, pixels on the other",
                   ("keypoints of figure_0.png as fractions of the picture (0..1)", "figure_1.png in pixels"),
                   files.labelled(files.some_fractions)),
    refused_labels("labels-corners", "boxes as two corners in one picture of two", ("boxes as two corners",),
                   files.labelled(files.two_corners)),
)  # fmt: skip

STORED = (*PICTURES_ONLY, "--pose-golden=check")
WRITTEN = (*M55, *PICTURES_ONLY, "--pose-golden=update")
GOLDENS = (
    Mutation("golden-without-outputs", GOLDEN, "stored goldens hold no output", "test_picture",
             ("Budget tensor_lsb_max cannot be judged: it was not measured in this run.",), "blocked",
             options=STORED, before=WRITTEN, prepare=files.goldens_with(outputs=[])),
    Mutation("golden-missing", GOLDEN, "one stored golden of two is missing", "test_picture",
             ("There is no stored golden of stick_pose_96_int8 for picture figure_",), "blocked", options=STORED,
             before=WRITTEN, prepare=files.one_golden_less, shows=("1 picture",)),
    Mutation("golden-without-digests", GOLDEN, "stored goldens hold no digest of an intermediate tensor",
             "test_every_intermediate_tensor", ("The golden of figure_0 lacks ", "tensors."), "blocked",
             options=("-k", "test_every_intermediate_tensor", "--pose-golden=check"), before=WRITTEN,
             prepare=files.goldens_with(intermediates=[])),
)  # fmt: skip

WRITE_UNDER_WAY = "test_an_infer_of_the_mailbox_ends_what_st_has_under_way"
OUTPUTS_GONE = "test_outputs_that_may_be_gone_are_not_given"
DEVICES = (
    Mutation("emulator-stopped", SILENT, "`--pose-fault=hang`", "board", ("QEMU is stopped (SIGSTOP",), "blocked",
             own_tests=OWN, options=("--pose-fault=hang",)),
    Mutation("emulator-dead", SILENT, "`--pose-fault=die`", "board", ("QEMU was ended by signal 9",), "blocked",
             own_tests=OWN, options=("--pose-fault=die",)),
    Mutation("no-protocol", SILENT, "`--pose-firmware` names a file that speaks no protocol", "board",
             ("blinky.hex was flashed to qemu-m55 and started", "did not answer HELLO", "it may be no pose runner"),
             "blocked", own_tests=OWN, prepare=files.firmware_without_protocol,
             options=(f"--pose-firmware={files.FIRMWARE}",)),
    Mutation("write-under-way", LINKS, "`app/infer.c`: an inference does not end what ST's host has under way",
             WRITE_UNDER_WAY, ("assert host.refused(host.receive()) == st.INVALID_STATE",),
             project_test=f"tests/firmware/test_links_together.py::{WRITE_UNDER_WAY}[write arena-outputs]",
             edits=(Edit("app/infer.c", "        pose_app_st_make_way();\n", ""),)),
    Mutation("outputs-of-another-run", LINKS,
             "`app/st_run.c`: the outputs of a run of ST's host pass for those of the INFER before", OUTPUTS_GONE,
             ("DID NOT RAISE",),
             project_test=f"tests/firmware/test_digests.py::{OUTPUTS_GONE}[st_run]",
             edits=(Edit("app/st_run.c", "    pose_app_forget_outputs();\n", ""),)),
)  # fmt: skip


def undone(name: str, planted: str, file: str, test: str) -> Mutation:
    """A mend of the harness that no run shows once it is undone, since all is green then."""
    return Mutation(
        name, MENDED, f"{planted} (`tests/mutants/{name.replace('-', '_')}.py`)", test, (test,),
        mutant=name.replace("-", "_"), project_test=f"{file}::{test}",
    )  # fmt: skip


UNDONE = (
    undone("closest-marker-only", "only the closest marker counts", "tests/unit/plugin/test_markers.py",
           "test_of_each_name_the_closest_counts_and_none_is_lost"),
    undone("last-judgement-shown", "the last judgement of a budget is kept instead of the worst",
           "tests/unit/record/test_whole_run.py", "test_the_table_shows_the_worst_picture_not_the_last"),
    undone("pictures-by-name", "a picture is known by its name, whatever is in it", "tests/unit/run/test_seen.py",
           "test_the_runs_own_picture_has_the_name_whoever_comes_first"),
    undone("crc-is-not-looked-at", "any CRC-32 of a tensor is taken for the golden's",
           "tests/firmware/test_crc_first.py", "test_every_figure_is_that_of_all_bytes"),
)  # fmt: skip

MUTATIONS = (*LIMITS, *SELECTIONS, *COMPARISONS, *NETWORKS, *LABEL_FILES, *GOLDENS, *DEVICES, *UNDONE)
