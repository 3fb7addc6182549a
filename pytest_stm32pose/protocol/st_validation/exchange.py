"""One request and its answers over the link; and, after something was lost, the way back into step."""

from __future__ import annotations

import logging

from pytest_stm32pose.errors import DeviceError, ProtocolError, TransportTimeout
from pytest_stm32pose.protocol.st_validation import messages, wire
from pytest_stm32pose.protocol.st_validation.framing import ONE_BYTE, PAYLOAD_BYTES, TWO_BYTES, Framing, framing_of
from pytest_stm32pose.protocol.st_validation.link import Link
from pytest_stm32pose.protocol.st_validation.messages import (
    Ack,
    Command,
    Data,
    Log,
    Request,
    Response,
    ResponseA,
    State,
    Sync,
    SysInfo,
    SysInfoA,
)
from pytest_stm32pose.protocol.st_validation.search import OTHER_REQIDS, Found, Search

LOG = logging.getLogger(__name__)
#: Getting back into step: how long the first SYNCs wait for their answer, how long a device may be silent, and how long
#: it may go on asking for packets, or sending some.
RESYNC_SILENCE_S = 0.15
RESYNC_PATIENCE_S = 5.0
RESYNC_LIMIT_S = 60.0
#: Log messages of a device, and answers to other requests: so many in one answer; so many characters of a log, and the
#: levels.
MAX_LOGS = 1000
MAX_LOG = 200
LOG_LEVELS = {0: logging.INFO, 1: logging.INFO, 2: logging.DEBUG, 3: logging.WARNING}


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
        self.generation_known = False  #: by an answer to SYNC
        self.last_log = ""  #: of the request under way

    @property
    def in_step(self) -> bool:
        """The device waits for a request, as far as is known."""
        return self._in_step

    @property
    def framing(self) -> Framing:
        """The packets that go both ways."""
        return self._link.framing

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
        self._reqid = max(self._reqid % 0xFFFFFFFF + 1, OTHER_REQIDS)
        self.last_log = ""
        self.send(Request(self._reqid, command, param, name, opt))
        answer = self.answer(command.name, timeout_s)
        if not refusal_is_an_answer:
            self.refuse(answer, command.name)
        return answer

    def sys_info(self) -> SysInfo:
        """Chip and clocks; what the device says of packets holds from then on, until the next SYNC.

        Raises:
            ProtocolError: it asks for packets that cannot be. Otherwise as `ask`.
        """
        told = self.ask(Command.SYS_INFO).sinfo
        if told is None:
            raise self.unexpected("SYS_INFO", "sinfo")
        if isinstance(told, SysInfoA):
            return SysInfo(told.devid, told.sclock, told.hclock, told.cache, 0, told.extra)
        try:
            self._link.framing = framing_of(told.com_param)
        except ProtocolError as error:
            raise self.lost(error) from None
        return told

    def disconnect(self) -> None:
        """Sends DISCONNECT, which has no answer: packets have their smallest size after it. Raises as `send`."""
        self._reqid += 1
        self.send(Request(self._reqid, Command.DISCONNECT, 0, "", 0))
        self._link.framing = TWO_BYTES

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
        deadline = self._link.clock() + timeout_s
        self._in_step = False
        logs = stale = 0
        while True:
            try:
                data = self._link.receive(max(deadline - self._link.clock(), 0.0))
                answer = wire.decode(ResponseA if self._link.framing == ONE_BYTE else Response, data)
            except TransportTimeout as error:
                raise TransportTimeout(
                    f"{what}: {self._link.port.url} sent no whole answer within {timeout_s:g} s.",
                    remedy="Check that the board runs ST's validation firmware, and the speed of the port.",
                ) from error
            if answer.reqid != self._reqid:  # of a request that was given up
                stale += 1
                if stale > MAX_LOGS:
                    raise ProtocolError(f"{what}: the device sends answers to other requests, more than {MAX_LOGS}.")
                continue
            if answer.log is None:
                self._in_step = self._sent_whole  # an early answer leaves the device with part of a message
                return answer
            logs += 1
            if logs > MAX_LOGS:
                raise ProtocolError(f"{what}: the device sends one log message after the other, more than {MAX_LOGS}.")
            self._tell(answer.log)
            deadline = self._link.clock() + timeout_s  # it is at work

    def _tell(self, log: Log) -> None:
        """A device's log message; the device waits for the acknowledgement."""
        text = " ".join("".join(char if char.isprintable() else " " for char in log.text).split())[:MAX_LOG]
        self.last_log = text
        LOG.log(LOG_LEVELS.get(log.level, logging.ERROR), "device: %s", text)
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
            said = f"; the last that it said: {self.last_log!r}" if self.last_log else ""
            raise DeviceError(f"The device refuses {what}: {messages.error_name(error)}{said}.", status=error)

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

    def resync(self, patience_s: float | None = None, limit_s: float | None = None, *, keep_large: bool = True) -> Sync:
        """Brings a device back that waits for the rest of a message, or sends one; also finds out its generation.

        Args:
            patience_s: how long it may be silent.
            limit_s: how long it may go on with what it is in the middle of.
            keep_large: large packets are asked for again; otherwise they have their smallest size after SYNC.

        Returns:
            Its answer to SYNC.

        Raises:
            TransportTimeout: it does not come back; says what was heard of it.
        """
        before = self._link.framing
        large = before if before.payload_bytes > PAYLOAD_BYTES else None
        self._link.forget()
        expected = ONE_BYTE if before.header_bytes == 1 else TWO_BYTES
        search = Search(
            self._link.port, expected=expected, large=large, first_s=RESYNC_SILENCE_S, clock=self._link.clock
        )
        search.wait_until_quiet()
        found = search.quick() or search.thorough(patience_s or RESYNC_PATIENCE_S, limit_s or RESYNC_LIMIT_S)
        if found is None:
            search.leave()
            heard, since = search.heard, " after a loss" if self.generation_known else ""
            raise TransportTimeout(
                f"{self._link.port.url}: the device does not answer SYNC{since}: {heard.words}.", remedy=heard.remedy
            )
        self.adopt(found)
        if keep_large and large is not None and found.framing == TWO_BYTES:
            self.sys_info()
        return found.sync

    def adopt(self, found: Found) -> None:
        """From now on the device is the one that was found, and waits for a request."""
        self._link.forget()
        self._link.framing = found.framing
        self.generation_known = self._in_step = self._sent_whole = True
