"""Finds the device behind a port, of whatever generation, and whatever an earlier host left it in the middle of.

A device takes whole packets, of a size that the host does not know yet (33 or 34 bytes; more after SYS_INFO), and may
be anywhere in one. Zeros are safe for it: a packet of zeros holds nothing, and it only asks for the next one. So SYNCs
are sent with one zero more between them than a packet has bytes:

    0b 0a 08 .. (33 bytes)    00 00 0b 0a 08 .. (35 bytes)    00 00 0b 0a 08 .. (35)    ...

`0b ...` is a SYNC of generation A, `00 0b ...` one of B and C. With each of them packets of 33 bytes come to lie two
bytes further on, and packets of 34 one byte; after 35 SYNCs each has begun at every place. Read at a wrong place a SYNC
is harmless: its bytes are then lengths of at most 40, its reqid, at most 7, too. The answer's framing tells the
generation, its reqid which SYNC it belongs to, and so where packets begin.

A device in the middle of a long message takes all that as its content and asks for more, packet by packet: then the end
of its packet is found by halving, and the rest of the message is sent as zeros, as fast as the device asks for them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pytest_stm32pose.protocol.st_validation.framing import (
    CREDIT,
    MAX_PAYLOAD,
    ONE_BYTE,
    TWO_BYTES,
    Framing,
    SyncAnswer,
    any_answer,
    begins_answer,
    sync_answer,
    sync_packet,
)
from pytest_stm32pose.protocol.st_validation.heard import HELLO, KEPT_BYTES, Heard
from pytest_stm32pose.protocol.st_validation.messages import Sync

SYNCS = 35  #: after so many a packet has begun everywhere
REQIDS = 7  #: of these SYNCs, from 1 on
CHECK_REQIDS = 8  #: of those that check whether packets begin where they should, from 8 on
OTHER_REQIDS = REQIDS + CHECK_REQIDS + 1  #: from here on they are those of other requests
#: How long a device may take to react, besides the time of the bytes on the line.
STEP_S = 0.012
SIGN_CREDITS = 2  #: one may be left over
LONG_BYTES = 2048  #: more than all answers to SYNCs of one sweep
QUIET_S = 0.03  #: what was under way has ended
LAST_S = 0.15  #: for what comes late, after all SYNCs
MAX_PAUSE_S = 0.3
WRITE_S = 5.0
#: Bytes after which packets of 33 and of 34 bytes both end where they did before.
PERIOD = math.lcm(ONE_BYTE.packet_bytes, TWO_BYTES.packet_bytes)
LARGEST = Framing(2, MAX_PAYLOAD)


class Port(Protocol):
    """What is needed of a SerialPort."""

    url: str
    baudrate: int

    def read(self, timeout_s: float) -> bytes: ...

    def write(self, data: bytes, timeout_s: float) -> None: ...


@dataclass(frozen=True)
class Found:
    """A device that waits for a request, in this framing."""

    framing: Framing
    sync: Sync


class Search:
    """One search on one open port.

    Args:
        expected: the framing that is tried first.
        large: what the device may have been told to use before; None: not known.
        first_s: how long the first two SYNCs, one of each framing, wait for their answer.
        clock: seconds, for tests.
    """

    def __init__(
        self,
        port: Port,
        *,
        expected: Framing = ONE_BYTE,
        large: Framing | None = None,
        first_s: float = 0.2,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._port = port
        self._expected = expected
        self._large = large
        self._first_s = first_s
        self._clock = clock
        self._kept, self._count = bytearray(), 0
        self._recent = bytearray()  # since a sweep began
        self._received = bytearray()  # since the SYNCs whose ends are known
        self._ends: dict[int, int] = {}  # reqid -> bytes that had been sent when its SYNC was
        self._sent = 0
        self._syncs = 0
        self._line_free = clock()
        self._pause_s = STEP_S
        self._has_given_more = False

    @property
    def heard(self) -> Heard:
        """All that came."""
        return Heard(bytes(self._kept), self._count)

    def quick(self) -> Found | None:
        """What waits for a request answers one of these SYNCs at once."""
        self._recent.clear()
        found = self._sync(self._first_s) or self._sync(self._first_s)
        return found or self._sync(self._first_s, b"")  # USB may hand packets over as they were written

    def thorough(self, patience_s: float, busy_s: float) -> Found | None:
        """Brings a device back from whatever it is in the middle of.

        Args:
            patience_s: after so long it is nobody.
            busy_s: a device that takes the rest of a message, or sends one, is given so long.
        """
        began = self._clock()
        found = self._large_packets(began + patience_s) if self._large else None
        is_first = True
        while found is None:
            if not is_first or not self._asked_for_packets:
                self._recent.clear()
                found = self._sweep(began + patience_s, is_short=is_first)
            if found is None and not self._asked_for_packets:
                found = self._large_packets(began + patience_s)
            if found is not None:
                return found
            is_at_work = self._sends_messages
            if CREDIT in self._recent or self._may_be_in_a_large_packet(began + patience_s):
                found = self._finish_message(began + busy_s)
                if found is not None:
                    return found
                is_at_work = is_at_work or self._has_given_more
            is_first = False
            if self._clock() - began + SYNCS * STEP_S >= (busy_s if is_at_work else patience_s):
                return None
        return found

    def leave(self) -> None:
        """Nobody was found: asks whether a pose runner is there, and ends packets where they ended before."""
        if not self._count:
            self._write(HELLO)
            self._listen(LAST_S)
        self._write(bytes(-self._sent % PERIOD))

    @property
    def _asked_for_packets(self) -> bool:
        """What comes are requests for packets: it is in the middle of a message, or was given packets of zeros."""
        return self._recent.count(CREDIT) >= SIGN_CREDITS

    @property
    def _sends_messages(self) -> bool:
        """Whole ones, or long ones: of an older request. A device that stops in each of its answers does not."""
        recent = bytes(self._recent)
        is_long = len(recent) >= LONG_BYTES
        return begins_answer(recent) is not None and (is_long or any_answer(recent) is not None)

    def _may_be_in_a_large_packet(self, deadline: float) -> bool:
        """One that began where an earlier host's SYS_INFO was completed, which it answered; there is time to see."""
        needed_s = self._line_s(2 * (LARGEST.packet_bytes + TWO_BYTES.packet_bytes)) + 2 * MAX_PAUSE_S
        return self.heard.speaks and self._clock() + needed_s <= deadline

    # --- SYNCs ---

    def _sweep(self, deadline: float, *, is_short: bool) -> Found | None:
        """A SYNC at every place of a packet; the short way ends as soon as the device asks for packets instead."""
        for _ in range(SYNCS):
            found = self._sync(self._pause_s)
            if found is None and is_short and self._asked_for_packets:
                return None
            if found is not None or (self._clock() >= deadline and CREDIT not in self._recent):
                return found
        return self._settled(self._listen(LAST_S))

    def _sync(self, wait_s: float, before: bytes = b"\0") -> Found | None:
        reqid = self._next_reqid()
        packet = sync_packet(reqid, TWO_BYTES if self._syncs > 1 else self._expected)
        self._write(packet if self._syncs == 1 else before + packet)
        self._ends[reqid] = self._sent
        return self._settled(self._listen(wait_s))

    def _next_reqid(self) -> int:
        self._syncs += 1
        return self._syncs % REQIDS + 1

    def _settled(self, answer: SyncAnswer | None) -> Found | None:
        """The device of an answer, after whatever was sent behind its SYNC."""
        if answer is None:
            return None
        behind, framing = self._sent - self._ends[answer.reqid], answer.framing
        is_only_one = self._syncs <= REQIDS  # no other SYNC had its reqid
        if is_only_one and not behind and answer.end == len(self._received):
            # Or an earlier host died within a SYNC of the same reqid, and this one has only completed that.
            return self._aligned_sync(framing)
        self._write(bytes(-behind % framing.packet_bytes))
        self.wait_until_quiet()
        return self._aligned_sync(framing)

    def _aligned_sync(self, framing: Framing) -> Found | None:
        """SYNC for a device that is believed to be between two packets."""
        self._syncs += 1
        reqid = REQIDS + 1 + self._syncs % CHECK_REQIDS
        self._ends.clear()
        self._write(sync_packet(reqid, framing))
        self._ends[reqid] = self._sent
        answer = self._listen(max(self._first_s, LAST_S))
        return Found(answer.framing, answer.sync) if answer is not None else None

    def _large_packets(self, deadline: float) -> Found | None:
        """SYNC for a device that waits for the rest of a large packet; not where the line is too slow for one."""
        framing = self._large or LARGEST
        size = framing.packet_bytes
        if self._clock() + 2 * self._line_s(size) + 2 * LAST_S > deadline:
            return None
        rest = -self._sent % size
        for data in (bytes(rest), sync_packet(self._next_reqid(), framing)):
            self._write(data)
            self._ends = dict.fromkeys(range(1, REQIDS + 1), self._sent)  # after it, packets begin anew
            found = self._settled(self._listen(LAST_S))
            if found is not None:
                return found
        return None

    # --- the rest of a message ---

    def _finish_message(self, deadline: float) -> Found | None:
        """Zeros for a device that takes all as the content of a message, until that is over; then SYNC."""
        large = self._large or LARGEST
        framings = tuple(dict.fromkeys((self._expected, ONE_BYTE, TWO_BYTES, large)))  # a large one may end just now
        came = self._came_for(bytes(2 * TWO_BYTES.packet_bytes), MAX_PAUSE_S)  # one of two packets is of zeros alone
        if not came:
            framings = (large,)
            came = self._came_for(bytes(2 * large.packet_bytes), MAX_PAUSE_S)
        reaction_s = self._clock() - self._line_free
        self.wait_until_quiet()
        if not is_credit(came):
            return None
        self._pause_s = min(max(self._pause_s, 3 * reaction_s), MAX_PAUSE_S)
        for framing in framings:
            if self._is_at_boundary(framing):
                packet = framing.packet(bytes(framing.payload_bytes))
                while self._clock() < deadline and self._asks_for_more(packet, MAX_PAUSE_S):
                    self._has_given_more = True
                return self._aligned_sync(framing)
        self._pause_s = min(2 * self._pause_s, MAX_PAUSE_S)  # it may be slower than it seemed
        return None

    def _is_at_boundary(self, framing: Framing) -> bool:
        """Brings the device to the end of a packet of this size by zeros. False: its packets have another size."""
        size = framing.packet_bytes
        low, high = 1, size  # so many zeros end its packet
        while low < high:
            count = (low + high) // 2
            if self._asks_for_more(bytes(count)):
                low, high = size - count + low, size
            else:
                low, high = max(low - count, 1), high - count
        if low < size and not self._asks_for_more(bytes(low)):
            return False
        return not self._asks_for_more(bytes(size - 1)) and self._asks_for_more(b"\0")

    def _asks_for_more(self, data: bytes, wait_s: float | None = None) -> bool:
        """Whether a credit, and nothing else, comes after these bytes."""
        return is_credit(self._came_for(data, self._pause_s if wait_s is None else wait_s))

    def _came_for(self, data: bytes, wait_s: float) -> bytes:
        """The first that comes after these bytes."""
        self._write(data)
        return self._read(self._line_free + wait_s)

    # --- bytes ---

    def _listen(self, wait_s: float) -> SyncAnswer | None:
        """What comes until an answer to a SYNC; a device that took a packet is not waited for much longer."""
        deadline = self._line_free + wait_s
        while True:
            data = self._read(deadline)
            answer = sync_answer(bytes(self._received), self._ends) if data else None
            if answer is not None or not data:
                return answer
            del self._received[: -2 * TWO_BYTES.packet_bytes]  # no answer begins before that
            if is_credit(data):
                deadline = min(deadline, max(self._line_free, self._clock()) + self._pause_s)

    def wait_until_quiet(self) -> None:
        """Drops what comes; not for long: a device may never stop."""
        deadline = max(self._line_free, self._clock()) + MAX_PAUSE_S
        while self._clock() < deadline and self._read(max(self._line_free, self._clock()) + QUIET_S):
            pass
        self._received.clear()

    def _read(self, until: float) -> bytes:
        left = until - self._clock()
        data = self._port.read(left) if left > 0 else b""
        self._kept += data[: max(KEPT_BYTES - len(self._kept), 0)]
        self._count += len(data)
        for buffer in (self._recent, self._received):
            buffer += data
            del buffer[:-KEPT_BYTES]
        return data

    def _write(self, data: bytes) -> None:
        if not data:
            return
        self._port.write(data, WRITE_S)
        self._sent += len(data)
        self._line_free = max(self._line_free, self._clock()) + self._line_s(len(data))

    def _line_s(self, count: int) -> float:
        """So long bytes take on the line: ten bits each."""
        return count * 10 / self._port.baudrate


def is_credit(data: bytes) -> bool:
    """Nothing but requests for the next packet."""
    return bool(data) and not data.strip(bytes([CREDIT]))
