"""Uploads through the sliding window: the real client and the real firmware over a modelled line, in virtual time."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from pytest_stm32pose.errors import DeviceError, TransportTimeout
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.protocol.messages import ANSWER_BIT, Command, decode_message, encode_message
from pytest_stm32pose.protocol.upload import FRAMES_PER_WINDOW, chunk_bytes
from pytest_stm32pose.transports.framing import max_frame_bytes
from tests.firmware.host_device import HostDevice, mailbox_transport, running, serial_transport
from tests.support.line_model import Clock, Direction, Fate, Fates, Line, efficiency

BAUD = 921_600
PICTURE = random.Random(1).randbytes(192 * 192 * 3)
OTHER = PICTURE[::-1]
Opened = Callable[..., tuple[PoseClient, Line]]


@pytest.fixture(scope="module")
def device() -> Iterator[HostDevice]:
    with running() as started:
        yield started


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    clock.rule(monkeypatch)
    return clock


@pytest.fixture
def opened(device: HostDevice, clock: Clock) -> Iterator[Opened]:
    """A client that has said HELLO, and its line; both slots hold another picture."""
    with closing(serial_transport(device)) as link:
        link.open(60.0)

        def connect(**properties: Any) -> tuple[PoseClient, Line]:
            fates = properties.pop("fates", None)
            line = Line(link, clock, **properties)
            client = PoseClient(line)
            client.hello()
            client.upload(0, OTHER)
            line = Line(link, clock, fates=fates, **properties)
            client._exchange._transport = line
            return client, line

        yield connect


def slot(device: HostDevice, size: int, index: int = 0) -> bytes:
    return device.slot(index, size)


def timed(client: PoseClient, clock: Clock, data: bytes = PICTURE) -> float:
    began_s = clock.now_s
    client.upload(0, data)
    return clock.now_s - began_s


@pytest.mark.parametrize(
    ("baud", "latency_s", "max_message"),
    [(BAUD, 0.004, 1024), (BAUD, 0.004, None), (BAUD, 0.016, None), (115_200, 0.016, None), (3_000_000, 0.004, None)],
)
def test_the_line_is_never_idle(
    device: HostDevice, clock: Clock, opened: Opened, baud: int, latency_s: float, max_message: int | None
) -> None:
    client, _ = opened(baud=baud, latency_s=latency_s, max_message=max_message)
    assert efficiency(len(PICTURE), timed(client, clock), baud) >= 0.95
    assert slot(device, len(PICTURE)) == PICTURE
    assert client.repeated_requests == 0


@pytest.mark.parametrize("window", [None, 8000, 3000, 300])
def test_no_more_is_under_way_than_the_receive_buffer_holds(
    device: HostDevice, clock: Clock, opened: Opened, window: int | None
) -> None:
    """The device looks every 0.3 s only, in which the line carries 27 KB."""
    client, line = opened(looks_every_s=0.3, window=window)
    limit = window or client.hello().window or 0
    timed(client, clock)
    assert slot(device, len(PICTURE)) == PICTURE
    assert client.repeated_requests == 0
    assert 0.7 * limit < line.most_buffered() <= limit
    assert line.longest_frame * FRAMES_PER_WINDOW <= limit


def test_an_operator_of_131_ms_stops_nothing(clock: Clock, opened: Opened) -> None:
    """The reckoning of firmware/include/pose/serial_link.h, less the latency; and the buffer is what bounds it."""
    for looks_every_s, is_enough in ((0.110, True), (0.25, False)):
        client, _ = opened(looks_every_s=looks_every_s)
        assert (efficiency(len(PICTURE), timed(client, clock), BAUD) >= 0.9) is is_enough


def every(period: int, fate: Fate, direction: Direction) -> Fates:
    return lambda towards, number: fate if towards == direction and number % period == period - 1 else "arrives"


@pytest.mark.parametrize("fate", ["lost", "flipped", "twice"])
@pytest.mark.parametrize("direction", ["to device", "to host"])
@pytest.mark.parametrize("period", [5, 7, 12])
def test_losses_damages_and_duplicates_cost_time_not_the_picture(
    device: HostDevice, clock: Clock, opened: Opened, period: int, direction: Direction, fate: Fate
) -> None:
    client, _ = opened(fates=every(period, fate, direction))
    timed(client, clock)
    assert slot(device, len(PICTURE)) == PICTURE
    if direction == "to device" and fate != "twice":
        assert client.repeated_requests > 0


@pytest.mark.parametrize(("direction", "number"), [("to device", 9), ("to host", 9), ("to device", 0), ("to host", 0)])
def test_a_loss_shows_in_the_next_answer(
    device: HostDevice, clock: Clock, opened: Opened, direction: Direction, number: int
) -> None:
    """Nobody waits for the 3 s of a request. An answer that is lost costs nothing, but for that to the first chunk."""
    plain = timed(opened()[0], clock)
    client, _ = opened(fates=lambda towards, n: "lost" if (towards, n) == (direction, number) else "arrives")
    taken = timed(client, clock)
    assert slot(device, len(PICTURE)) == PICTURE
    costs = direction == "to device" or number == 0
    assert client.repeated_requests == (1 if costs else 0)
    assert taken <= plain + (0.25 if costs else 1e-6)


def test_the_end_of_an_upload_is_waited_for_and_sent_again(device: HostDevice, clock: Clock, opened: Opened) -> None:
    client, _ = opened()
    last = -(-len(PICTURE) // chunk_bytes(8192, client.hello().window or 0)) - 1
    client, _ = opened(fates=lambda towards, n: "lost" if (towards, n) == ("to device", last) else "arrives")
    taken = timed(client, clock)
    assert slot(device, len(PICTURE)) == PICTURE
    assert client.repeated_requests == 1
    assert 3 <= taken <= 5


def test_a_line_that_goes_dead_is_told_after_three_attempts(clock: Clock, opened: Opened) -> None:
    client, line = opened(fates=lambda towards, n: "arrives" if n < 8 else "lost")
    with pytest.raises(TransportTimeout, match=r"did not answer UPLOAD within 3 s"):
        timed(client, clock)
    assert 9 <= clock.now_s <= 30
    line._fates = lambda towards, n: "arrives"
    client.upload(0, PICTURE)


def test_refusals_of_the_slot_are_told_at_once(clock: Clock, opened: Opened) -> None:
    client, _ = opened()
    for data, slot_index, words in ((PICTURE, 2, "parameter is out of range"), (bytes(300_000), 0, "length is wrong")):
        began_s = clock.now_s
        with pytest.raises(DeviceError, match=words):
            client.upload(slot_index, data)
        assert clock.now_s - began_s < 4
        assert client.repeated_requests == 0
    client.upload(0, PICTURE)  # what is left of the refused ones does not harm


def test_a_slot_that_another_host_takes_again_and_again_is_told(
    device: HostDevice, clock: Clock, opened: Opened
) -> None:
    """Each time the first chunks are taken, so something is always answered OK: it is none that was not before."""
    with closing(mailbox_transport(device)) as link:
        link.open(60.0)
        other = PoseClient(link)
        other.hello()
        answers = itertools.count()

        def take_the_slot(towards: Direction, number: int) -> Fate:
            if towards == "to host":
                assert next(answers) < 100, "the upload goes on for ever"
                other.upload(0, b"0")
            return "arrives"

        client, line = opened(fates=take_the_slot)
        with pytest.raises(DeviceError, match="parameter is out of range"):
            client.upload(0, PICTURE)
        line._fates = lambda towards, n: "arrives"
        client.upload(0, PICTURE)
        assert slot(device, len(PICTURE)) == PICTURE


def test_sizes_at_the_edge_of_a_chunk(device: HostDevice, clock: Clock, opened: Opened) -> None:
    client, _ = opened()
    size = chunk_bytes(8192, client.hello().window or 0)
    for length in (0, 1, size - 1, size, size + 1, 2 * size):
        held: list[int] = []
        client.upload(0, PICTURE[:length], lambda now, total, held=held: held.append(now))  # type: ignore[misc]
        assert slot(device, length) == PICTURE[:length]
        assert held == [*range(size, length, size), length]


class OlderLine(Line):
    """To firmware whose HELLO does not tell its window."""

    def receive(self, timeout_s: float) -> bytes:
        answer = decode_message(super().receive(timeout_s))
        if answer.type == Command.HELLO | ANSWER_BIT:
            answer = replace(answer, payload=answer.payload[:-4])
        return encode_message(answer)


def test_older_firmware_holds_two_of_its_longest_frames(device: HostDevice, clock: Clock) -> None:
    with closing(serial_transport(device)) as link:
        link.open(60.0)
        line = OlderLine(link, clock, looks_every_s=0.3)
        client = PoseClient(line)
        assert client.hello().window is None
        client.upload(0, PICTURE)
        assert 0.7 * 2 * 8226 < line.most_buffered() <= 2 * 8226
        assert slot(device, len(PICTURE)) == PICTURE


def test_a_mailbox_takes_one_request_at_a_time(device: HostDevice) -> None:
    with closing(mailbox_transport(device)) as link:
        link.open(60.0)
        client = PoseClient(link)
        assert client.hello().window == 0
        client.upload(0, PICTURE)
        assert slot(device, len(PICTURE)) == PICTURE


@pytest.mark.parametrize("window", [16128, 3840, 300, 100, 1])
def test_four_frames_fill_the_window(window: int) -> None:
    message = chunk_bytes(8192, window) + 24
    assert max_frame_bytes(message) * FRAMES_PER_WINDOW <= max(window, FRAMES_PER_WINDOW * max_frame_bytes(64))
    assert message <= 64 or max_frame_bytes(message + 3) * FRAMES_PER_WINDOW > window
    assert chunk_bytes(8192, 0) == 8192 - 24
