"""Filling an input slot through a sliding window (firmware/PROTOCOL.md, UPLOAD and "Window").

Chunks are sent while the device's receive buffer has room for their frames; every answer frees what it has read.
Answers come in the order of the requests, so one that is missing before another shows a loss at once, without a wait:

    answered OK       everything before it is held too, for a gap would have been refused; but not the first chunk, in
                      whose place an earlier picture's bytes may stand
    refused, PARAM    a gap: a chunk before it was lost
    nothing           after the patience of a request

Then sending goes back to the first chunk that is not known to be held.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from pytest_stm32pose.errors import ProtocolError, TransportTimeout
from pytest_stm32pose.protocol import answers, messages
from pytest_stm32pose.protocol.exchange import ATTEMPTS, Exchange
from pytest_stm32pose.protocol.messages import Command, Message, Status
from pytest_stm32pose.transports.framing import FULL_BLOCK, max_frame_bytes

#: So many frames fill a window: one that is read, one that is sent, and two for what takes longer.
FRAMES_PER_WINDOW = 4

Progress = Callable[[int, int], None]


def chunk_bytes(max_message: int, window: int) -> int:
    """Data bytes of one UPLOAD on a link of this window; 0: no window, the longest message."""
    longest = max_message
    if window:
        frame = window // FRAMES_PER_WINDOW
        longest = min(longest, frame - frame // FULL_BLOCK - 2)
    return max(longest, messages.MAX_BEFORE_HELLO) - messages.OVERHEAD - messages.UPLOAD.size


@dataclass(frozen=True)
class _Sent:
    """A chunk under way: data[start:end]."""

    nonce: int
    start: int
    end: int


class Upload:
    """One upload.

    Args:
        exchange: on the device's link.
        slot: to fill.
        data: all of it.
        limit: data bytes of a chunk at most.
        window: bytes that may be unanswered; 0: one request at a time.
        patience_s: how long the device may stay silent, asked before each wait.
        progress: called with (bytes known to be held, bytes in all).
    """

    def __init__(
        self,
        exchange: Exchange,
        slot: int,
        data: bytes,
        *,
        limit: int,
        window: int,
        patience_s: Callable[[], float],
        progress: Progress | None,
    ) -> None:
        self._exchange, self._slot, self._data = exchange, slot, data
        self._limit, self._window, self._patience_s, self._progress = limit, window, patience_s, progress
        self._under_way: deque[_Sent] = deque()
        self._given_up: set[int] = set()
        self._next = self._held = self._furthest = self._failures = 0
        self._first_is_held = False
        #: After a silence one chunk at a time, until the device answers: its buffer may be as full as it was.
        self._careful = False

    @property
    def _is_done(self) -> bool:
        return self._first_is_held and self._held == len(self._data)

    def run(self) -> None:
        """Sends until the device holds everything. Raises as `PoseClient.upload`."""
        try:
            while not self._is_done:
                try:
                    while self._may_send():
                        self._send()
                    self._wait()
                except (TransportTimeout, ProtocolError) as error:
                    self._go_back(self._held, error)
        finally:
            for nonce in [*self._given_up, *(sent.nonce for sent in self._under_way)]:
                self._exchange.forget(nonce)

    def _may_send(self) -> bool:
        if self._next == len(self._data) and (self._data or self._under_way):
            return False
        if not self._under_way and (self._careful or not self._window or not self._exchange.unread_bytes):
            return True
        size = min(self._limit, len(self._data) - self._next) + messages.UPLOAD.size + messages.OVERHEAD
        room = self._window - self._exchange.unread_bytes
        return not self._careful and max_frame_bytes(size) <= room

    def _send(self) -> None:
        start, end = self._next, min(self._next + self._limit, len(self._data))
        payload = messages.upload_payload(self._slot, start, self._data[start:end])
        self._under_way.append(_Sent(self._exchange.send(Command.UPLOAD, payload), start, end))
        self._next = end

    def _wait(self) -> None:
        """Takes what comes until it is an answer to a chunk, or notices that none does."""
        patience_s = self._patience_s()
        deadline = time.monotonic() + patience_s
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                self._exchange.give_up_unread()
                self._careful = True
                raise self._exchange.silence(Command.UPLOAD, patience_s)
            came = self._exchange.pump(left)
            if isinstance(came, ProtocolError) and len(self._under_way) <= 1:
                raise came  # it may have been the only answer that is waited for
            if self._take_answers():
                return

    def _take_answers(self) -> bool:
        """Whether one was there, also of a chunk that has been given up."""
        for index, sent in enumerate(self._under_way):
            answer = self._exchange.take(sent.nonce)
            if answer is not None:
                self._take(index, sent, answer)
                return True
        answered = [nonce for nonce in self._given_up if self._exchange.take(nonce)]
        self._given_up.difference_update(answered)
        for nonce in answered:
            self._exchange.forget(nonce)
        return bool(answered)

    def _take(self, index: int, sent: _Sent, answer: Message) -> None:
        """The answer to the chunk number `index` of those under way."""
        lost = [self._under_way.popleft() for _ in range(index)]
        self._under_way.popleft()
        for each in (*lost, sent):
            self._exchange.forget(each.nonce)
        if answer.status == Status.PARAM and sent.start:  # else it is the slot that it does not have
            # The first of those under way follows what it has said it holds: it holds that no more.
            self._go_back(self._held if lost else 0, self._exchange.refusal(Command.UPLOAD, answer))
            return
        self._exchange.check(Command.UPLOAD, answer)
        held = answers.decode_upload(answer.payload)
        if held != sent.end:
            raise ProtocolError(f"The device holds {held} bytes in slot {self._slot}, expected {sent.end}.")
        if lost and lost[0].start == 0:
            self._go_back(0, ProtocolError("The answer to the first UPLOAD was lost."))
            return
        self._held, self._first_is_held, self._careful = held, True, False
        if held > self._furthest:  # what was held before, and was lost again, is no progress
            self._furthest, self._failures = held, 0
        if self._progress is not None:
            self._progress(held, len(self._data))

    def _go_back(self, start: int, why: Exception) -> None:
        """Everything from `start` on is sent again; answers to what is under way are let pass."""
        self._failures += 1
        if self._failures == ATTEMPTS:
            raise why
        self._exchange.repeated_requests += 1
        self._given_up.update(sent.nonce for sent in self._under_way)
        self._under_way.clear()
        self._held = self._next = start
        self._first_is_held = self._first_is_held and start > 0
