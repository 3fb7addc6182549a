"""Requests and answers on one link: nonces, waiting, asking again (firmware/PROTOCOL.md).

Every request has a fresh nonce, and an answer with another nonce than those waited for is dropped and counted.
Therefore every request but RESET may be repeated: the device does the same thing again, and a late first answer cannot
be mistaken for the second. One lost or damaged frame costs time, never the run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from pytest_stm32pose.errors import DeviceError, ProtocolError, TransportTimeout
from pytest_stm32pose.protocol import messages
from pytest_stm32pose.protocol.messages import ANSWER_BIT, Command, Message, Status
from pytest_stm32pose.transports.base import Transport
from pytest_stm32pose.transports.framing import max_frame_bytes

ATTEMPTS = 3
SEND_TIMEOUT_S = 10.0
#: How long a busy device is asked again before it counts as busy.
BUSY_TIMEOUT_S = 10.0
BUSY_PAUSE_S = 0.02

#: Takes the answers to one request, and the damage of frames that may have been among them.
Sink = Callable[[Message | ProtocolError], None]


class Exchange:
    """The requests under way on one open transport.

    Args:
        transport: carries the messages.
        timeout_s: how long one answer is waited for before the request is repeated.
        patience: how many times longer than usual the device may take to accept a message, or to be busy.

    Attributes:
        stale_answers: answers dropped because nobody waited for their nonce.
        damaged_answers: frames that were no valid message.
        repeated_requests: requests asked again.
    """

    def __init__(self, transport: Transport, timeout_s: float, patience: float = 1.0) -> None:
        self._transport = transport
        self._patience = patience
        self.timeout_s = timeout_s
        self._nonce = int.from_bytes(os.urandom(4), "little")
        self._answers: dict[int, Message] = {}
        self._wanted: dict[int, Command] = {}
        self._sinks: dict[int, Sink] = {}
        self._unread: dict[int, int] = {}
        self.stale_answers = 0
        self.damaged_answers = 0
        self.repeated_requests = 0

    def ask(
        self, command: Command, payload: bytes = b"", *, timeout_s: float | None = None, attempts: int = ATTEMPTS
    ) -> Message:
        """One request and its one answer, repeated when either was lost, and while the device is busy."""
        busy_until = time.monotonic() + BUSY_TIMEOUT_S * self._patience
        failures = 0
        while True:
            nonce = None
            try:
                nonce = self.send(command, payload)
                return self.wait(nonce, timeout_s or self.timeout_s)
            except (TransportTimeout, ProtocolError):
                failures += 1
                if failures >= attempts:
                    raise
                self.repeated_requests += 1
            except DeviceError as error:
                if error.status != Status.BUSY or time.monotonic() > busy_until:
                    raise
                time.sleep(BUSY_PAUSE_S)
            finally:
                self.forget(nonce)

    def send(self, command: Command, payload: bytes = b"", sink: Sink | None = None) -> int:
        """Sends a request and returns its nonce.

        Its answer is kept until `wait`, `take` or `forget`, or its answers go to `sink`, which is also told of every
        damaged frame: it may have been one of them.
        """
        self._nonce = (self._nonce + 1) & 0xFFFFFFFF
        self._wanted[self._nonce] = command
        if sink is not None:
            self._sinks[self._nonce] = sink
        message = messages.encode_message(Message(command, self._nonce, payload))
        self._unread[self._nonce] = max_frame_bytes(len(message))
        try:
            self._transport.send(message, SEND_TIMEOUT_S * self._patience)
        except BaseException:
            self.forget(self._nonce)
            raise
        return self._nonce

    @property
    def unread_bytes(self) -> int:
        """Bytes of requests, as they go over a line, that the device may not have read from its receive buffer yet."""
        return sum(self._unread.values())

    def give_up_unread(self) -> None:
        """After a long silence: what has not been answered was lost."""
        self._unread.clear()

    def forget(self, nonce: int | None) -> None:
        if nonce is not None:
            self._wanted.pop(nonce, None)
            self._answers.pop(nonce, None)
            self._sinks.pop(nonce, None)

    def take(self, nonce: int) -> Message | None:
        """The answer, whatever its status, if it has come."""
        return self._answers.pop(nonce, None)

    def wait(self, nonce: int, timeout_s: float) -> Message:
        """Waits for one answer.

        Raises:
            TransportTimeout: it did not come.
            ProtocolError: something came that is no message; it may have been this answer.
            DeviceError: the answer is an error status.
        """
        command = self._wanted[nonce]
        deadline = time.monotonic() + timeout_s
        while nonce not in self._answers:
            left = deadline - time.monotonic()
            if left <= 0:
                raise self.silence(command, timeout_s)
            damage = self.pump(left)
            if isinstance(damage, ProtocolError):
                raise damage
        answer = self._answers.pop(nonce)
        self.check(command, answer)
        return answer

    def silence(self, command: Command, timeout_s: float) -> TransportTimeout:
        """What is said when no answer comes."""
        return TransportTimeout(
            f"The device did not answer {command.name} within {timeout_s:g} s ({self._transport.name} link).",
            remedy="Check that the firmware is flashed and running.",
        )

    @staticmethod
    def check(command: Command, answer: Message) -> None:
        """Raises ProtocolError: it answers something else; DeviceError: it is an error status."""
        if answer.type != command | ANSWER_BIT:
            raise ProtocolError(f"The answer to {command.name} has type 0x{answer.type:02X}.")
        if answer.status != Status.OK:
            raise Exchange.refusal(command, answer)

    @staticmethod
    def refusal(command: Command, answer: Message) -> DeviceError:
        return DeviceError(
            f"The device refused {command.name}: {messages.status_sentence(answer.status)}.", status=answer.status
        )

    def pump(self, timeout_s: float) -> bool | ProtocolError:
        """Takes one message from the link to where it is waited for. Returns whether one came, or its damage."""
        try:
            message = messages.decode_message(self._transport.receive(timeout_s))
        except TransportTimeout:
            return False
        except ProtocolError as error:
            self.damaged_answers += 1
            for sink in self._sinks.values():
                sink(error)
            return error
        self._free(message.nonce)
        if message.nonce in self._sinks:
            self._sinks[message.nonce](message)
        elif message.nonce in self._wanted:
            self._answers[message.nonce] = message
        else:
            self.stale_answers += 1
        return True

    def _free(self, nonce: int) -> None:
        """Requests are read in their order: what is answered, and all before it, is in the receive buffer no more."""
        if nonce in self._unread:
            for earlier in list(self._unread):
                del self._unread[earlier]
                if earlier == nonce:
                    break
