"""What failures of a run have in common: their cause, as it is told. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from pytest_stm32pose.entries.run import CauseEntry

Kind = Literal["divergence", "budget", "alike", "regression", "reason"]

#: What a reason of the gate begins with.
REGRESSION = "regression: "
#: `tests/test_pose.py::test_picture[n6-default-a]: what is wrong`
#: Bounded like all that reads a record: it may hold anything, and a search must not take its square.
_OF_TEST = re.compile(r"\S{1,300}?\.py::.{1,500}?: ")
#: Figures, not digits within a name.
_FIGURE = re.compile(r"0x[0-9a-fA-F]+|(?<![\w.-])[-+]?\d[\d.,]*(?:e[-+]?\d+)?")


@dataclass(frozen=True)
class Cause:
    """Failures of one cause, or a single one.

    Attributes:
        kind: "divergence": pictures left the golden at one place. "budget": pictures alone broke it. "alike": sentences
            that differ in figures only. "regression", "reason": one failure that stands for itself.
        text: the cause, without the network.
        board, model: of pictures; "" of other failures.
        pictures: ids, the worst first.
        of: pictures of the network.
        reasons: the failures, the worst first.
    """

    kind: Kind
    text: str
    board: str = ""
    model: str = ""
    pictures: tuple[str, ...] = ()
    of: int = 0
    reasons: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The cause with the network."""
        return f"{self.model} on {self.board}: {self.text}" if self.board else self.text

    @property
    def is_group(self) -> bool:
        return self.kind in ("divergence", "budget", "alike")

    @property
    def example(self) -> str:
        """The worst failure; "" where the line has said it."""
        return self.reasons[0] if self.kind in ("divergence", "budget") else ""

    @property
    def told_example(self) -> str:
        """The same with what it is; the worst picture itself may have been measured and not checked."""
        worst = bool(self.pictures) and subject(self.example) == picture_on(self.pictures[0], self.board)
        return f"{'worst' if worst else 'for example'}: {self.example}" if self.example else ""

    @property
    def rest(self) -> tuple[str, ...]:
        """The other failures."""
        return self.reasons[1:] if self.is_group else ()

    @property
    def entry(self) -> CauseEntry:
        """As the record keeps it."""
        return CauseEntry(self.line, self.board, self.model, self.pictures, self.of, self.reasons)


def message(reason: str) -> str:
    """A reason without the test that gave it."""
    found = _OF_TEST.match(reason)
    return reason[found.end() :] if found else reason


def picture_on(name: str, board: str) -> str:
    """How a reason names a picture."""
    return f"{name} on {board}"


def subject(reason: str) -> str:
    """What a reason says is wrong: `PICTURE on BOARD`."""
    return message(reason).partition(": ")[0]


def template(text: str) -> str:
    """A sentence without its figures."""
    return _FIGURE.sub("#", text)
