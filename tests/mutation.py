"""One defect that is planted in the real system, and what must be said of it. See mutations.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

#: Of every run.
COMMON = ("--pose-max-images=2",)
M55 = ("--board=qemu-m55",)
GATE = ("--pose-baseline=before.json", "--pose-gate")
SAME = M55
#: Of a run whose tests judge pictures only: what else is wrong, only the gate can say.
PICTURES_ONLY = ("-k", "test_picture")
#: Of a usage error: nothing ran, and there is no record.
REFUSED, USAGE_ERROR = "refused", 4


@dataclass(frozen=True)
class Edit:
    """`old` stands in the file exactly once and becomes `new`."""

    file: str  #: under firmware/
    old: str
    new: str


@dataclass(frozen=True)
class Mutation:
    """One defect.

    Attributes:
        name: for test ids.
        defect: which of the defects that a release must not have.
        planted: how, for the document.
        check: what goes red: tests, or "gate", "board" where no test gets as far as measuring, "run" where every test
            passes or is skipped, "collection" where nothing runs.
        says: texts that stand in one reason of the record, in this order; without a record, in one line of the output.
        verdict: of the record; REFUSED: there is none.
        edits: of the firmware.
        mutant: module of tests/mutants, of a defect of the host.
        board: of the run.
        options: of the run.
        own_tests: a test file that runs instead of the suite.
        prepare: puts what the run is given into its folder, after the run before.
        command: of stm32pose, in the folder of the run; it is what must be red then.
        project_test: a test of this project that runs with the defect, instead of the suite.
        exit_code: of the run.
        before: options of a run without the defect, whose record is the baseline before.json; None: there is none.
        shows: texts that the terminal's summary shows as well.
        channel: of the first tensor that differs, the only one that does; None: not asked.
        kernels: of the firmware that is edited.
        fast: also run by `make test`.
    """

    name: str
    defect: str
    planted: str
    check: str
    says: tuple[str, ...]
    verdict: str = "failed"
    edits: tuple[Edit, ...] = ()
    mutant: str = ""
    board: tuple[str, ...] = M55
    options: tuple[str, ...] = ()
    own_tests: str = ""
    prepare: Callable[[Path], object] | None = None
    command: tuple[str, ...] = ()
    project_test: str = ""
    exit_code: int = 1
    before: tuple[str, ...] | None = None
    shows: tuple[str, ...] = ()
    channel: int | None = None
    kernels: str = "dsp"
    fast: bool = False

    @property
    def has_record(self) -> bool:
        """Whether what must be red is a run that leaves a record."""
        return not (self.verdict == REFUSED or self.command or self.project_test)
