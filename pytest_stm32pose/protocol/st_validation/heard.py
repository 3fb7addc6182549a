"""What was heard of a device that does not answer SYNC, in words. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_stm32pose.errors import ProtocolError
from pytest_stm32pose.protocol.messages import ANSWER_BIT, Command, Message, decode_message, encode_message
from pytest_stm32pose.protocol.st_validation.framing import CREDIT, Framing, any_answer, begins_answer
from pytest_stm32pose.transports.framing import DELIMITER, cobs_decode, encode_frame

#: So much of it is looked at.
KEPT_BYTES = 4096
EXCERPT = 40  #: characters of a text that are shown
TEXT_SHARE = 0.9  #: of the bytes, from which on they are a text
SHORTEST_TEXT = 4
RESET = "Reset the board."
CHECK = "Check that the board runs ST's validation firmware (aiValidation, NPU_Validation), and the cable."
OWN = "Leave --pose-backend=st-validation out for a pose runner, or flash ST's validation firmware."
#: HELLO of our own protocol: a pose runner that was built without ST's answers it, and nothing else.
HELLO = DELIMITER + encode_frame(encode_message(Message(Command.HELLO, nonce=0x53545354)))


@dataclass(frozen=True)
class Heard:
    """The first bytes of what came, and how many came in all."""

    data: bytes = b""
    count: int = 0

    @property
    def only_credits(self) -> bool:
        """The device asks for packets and says nothing else."""
        return bool(self.data) and not self.data.strip(bytes([CREDIT]))

    @property
    def speaks(self) -> bool:
        """It is ST's protocol, as far as it came."""
        return self.only_credits or self.framing is not None

    @property
    def framing(self) -> Framing | None:
        """Of an answer, whole or not."""
        return begins_answer(self.data) or any_answer(self.data)

    @property
    def is_own(self) -> bool:
        """A pose runner answered HELLO."""
        for frame in self.data.split(DELIMITER):
            try:
                message = decode_message(cobs_decode(frame)) if frame else None
            except ProtocolError:
                continue
            if message is not None and message.type == Command.HELLO | ANSWER_BIT:
                return True
        return False

    @property
    def words(self) -> str:
        """A clause."""
        if not self.data:
            return "nothing was heard"
        if self.is_own:
            return "a pose runner answers, which speaks our own protocol alone"
        if self.only_credits:
            return "the device asks for more and more of a message that an earlier host did not end"
        if self.framing is not None:
            return f"an answer of generation {self.framing.letters} began, and stopped ({self.count} bytes)"
        if self._is_text:
            return f"{self.count} bytes of text came ({self._excerpt!r})"
        return f"{self.count} bytes came that are no packets of it"

    @property
    def remedy(self) -> str:
        """What to do about it."""
        if self.is_own:
            return OWN
        return RESET if self.speaks else CHECK

    @property
    def _is_text(self) -> bool:
        plain = sum(32 <= byte < 127 or byte in b"\t\r\n" for byte in self.data)
        return len(self.data) >= SHORTEST_TEXT and plain >= TEXT_SHARE * len(self.data)

    @property
    def _excerpt(self) -> str:
        text = " ".join(self.data.decode("ascii", "replace").split())
        return text if len(text) <= EXCERPT else text[:EXCERPT] + "..."


def told(heard: dict[int, Heard]) -> tuple[str, str]:
    """Clause and remedy for all speeds (baud) at which was listened; what says most decides."""
    if len(heard) == 1 or not any(each.data for each in heard.values()):
        [first, *_] = heard.values()
        return first.words, first.remedy
    said = [f"at {baud} baud {each.words}" for baud, each in heard.items() if each.data]
    best = max(heard.values(), key=lambda each: (each.is_own, each.speaks, len(each.data)))
    return ", ".join(said), best.remedy
