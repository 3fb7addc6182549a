"""One request and its answers over the link; and, after something was lost, the way back into step."""

from __future__ import annotations

import logging
import time

from pytest_stm32pose.errors import DeviceError, ProtocolError, TransportTimeout
from pytest_stm32pose.protocol.st_validation import messages, wire
from pytest_stm32pose.protocol.st_validation.link import Link
from pytest_stm32pose.protocol.st_validation.messages import Ack, Command, Data, Request, Response, State

LOG = logging.getLogger(__name__)
#: Getting back into step: silence after which alignment is tried, and the longest that all of it takes.
RESYNC_SILENCE_S = 0.15
RESYNC_ANSWER_S = 2.0
RESYNC_LIMIT_S = 30.0
#: SYNCs in one place of the packets before the next place is tried.
RESYNC_ATTEMPTS = 8


class Exchange:
    """Requests one after the other, each with an id of its own.

    After a wait that ended without an answer, or an answer that made no sense, the next request first gets back into
    step: whatever the device was in the middle of is brought to an end.

    Args:
        timeout_s: how long an answer is waited for, unless a call says otherwise.
    """

    def __init__(self, link: Link, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._link = link
        self._reqid = 0
        self._in_step = True
        self._sent_whole = True

    def ask(
        self,
        command: Command,
        *,
        param: int = 0,
        name: str = "",
        opt: int = 0,
        timeout_s: float | None = None,
        refusal_is_an_answer: bool = False,
    ) -> Response:
        """Sends a request and returns its first answer.

        Raises:
            DeviceError: the device refuses, unless a refusal is an answer to look at.
            TransportTimeout, TransportError, ProtocolError: as `send` and `answer`.
        """
        if not self._in_step:
            self.resync()
        self._reqid = self._reqid % 0xFFFFFFFF + 1
        self.send(Request(self._reqid, command, param, name, opt))
        answer = self.answer(command.name, timeout_s)
        if not refusal_is_an_answer:
            self.refuse(answer, command.name)
        return answer

    def send(self, message: Request | Data | Ack) -> None:
        """Sends a message. Raises TransportTimeout: the device stopped asking for packets; TransportError."""
        self._in_step = False
        self._sent_whole = self._link.send(wire.encode(message))
        self._in_step = self._sent_whole

    def answer(self, what: str, timeout_s: float | None = None) -> Response:
        """The next message that belongs to the request; logs are acknowledged and handed to `logging`.

        Raises:
            TransportTimeout: no whole answer in time.
            TransportError, ProtocolError: the port is gone; what came is no answer.
        """
        timeout_s = self.timeout_s if timeout_s is None else timeout_s
        deadline = time.monotonic() + timeout_s
        self._in_step = False
        while True:
            try:
                answer = wire.decode(Response, self._link.receive(max(deadline - time.monotonic(), 0.0)))
            except TransportTimeout as error:
                raise TransportTimeout(
                    f"{what}: {self._link.port.url} sent no whole answer within {timeout_s:g} s.",
                    remedy="Check that the board runs ST's validation firmware, and the speed of the port.",
                ) from error
            if answer.reqid != self._reqid:
                continue  # of a request that was given up
            if answer.log is None:
                self._in_step = self._sent_whole  # an early answer leaves the device with part of a message
                return answer
            LOG.info("device: %s", answer.log.text)
            self._link.send(wire.encode(Ack(0, 0)))

    def expect(self, answer: Response, what: str, state: State) -> Ack:
        """The ack that an answer must be, in this state. Raises DeviceError: it is a refusal; ProtocolError."""
        self.refuse(answer, what)
        if answer.ack is None or answer.state != state:
            raise self.unexpected(what, f"ack with state {state.name}, got {messages.state_name(answer.state)}")
        return answer.ack

    def refuse(self, answer: Response, what: str) -> None:
        """Raises DeviceError when the answer is a refusal."""
        if answer.state == State.ERROR or (answer.ack is not None and answer.ack.error):
            error = answer.ack.error if answer.ack is not None else messages.Error.GENERIC
            raise DeviceError(f"The device refuses {what}: {messages.error_name(error)}.", status=error)

    def unexpected(self, what: str, wanted: str) -> ProtocolError:
        """The error to raise for an answer of another kind."""
        return self.lost(ProtocolError(f"{what}: the device answered something else than {wanted}."))

    def lost(self, error: ProtocolError) -> ProtocolError:
        """The error to raise when host and device no longer agree on what comes next."""
        self.out_of_step()
        return error

    def out_of_step(self) -> None:
        """What the device does is not known: the next request finds out."""
        self._in_step = False

    def resync(self) -> None:
        """Brings a device back that waits for the rest of a message, or sends one: until SYNC is answered again.

        A device in the middle of a message takes packets as its content and asks for more; one that lost a byte takes
        a packet apart. So SYNC is sent until it is answered; after a silence, and after some answers that are none, one
        byte is sent first: every way in which packets can lie comes round, also on a device that is only slow.

        Raises:
            TransportTimeout: it does not come back.
        """
        self._link.drop_left_overs()
        attempts, deadline = 0, time.monotonic() + RESYNC_LIMIT_S
        while time.monotonic() < deadline:
            attempts += 1
            self._reqid = self._reqid % 0xFFFFFFFF + 1
            request = wire.encode(Request(self._reqid, Command.SYNC, 0, "", 0))
            self._link.send(request)
            wants_more = self._link.wants_more(RESYNC_SILENCE_S)
            if wants_more is False and self._answers_sync():
                self._in_step = True
                return
            if wants_more is None or attempts % RESYNC_ATTEMPTS == 0:
                self._link.packet(b"\0")
        raise TransportTimeout(
            f"{self._link.port.url}: the device does not answer SYNC after a loss.", remedy="Reset the board."
        )

    def _answers_sync(self) -> bool:
        """Whether the SYNC just sent is answered, among what may still come of an older exchange."""
        deadline = time.monotonic() + RESYNC_ANSWER_S
        while time.monotonic() < deadline:
            try:
                answer = wire.decode(Response, self._link.receive(RESYNC_SILENCE_S))
            except TransportTimeout:
                return False
            except ProtocolError:
                self._link.drop_left_overs()
                return False
            if answer.reqid == self._reqid and answer.sync is not None:
                return True
        return False
