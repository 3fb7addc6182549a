"""A board that is slow by nature is waited for longer: until it takes a message, answers, has computed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pytest_stm32pose.bench import pose_runner
from pytest_stm32pose.bench.pose_runner import PoseRunner
from pytest_stm32pose.boards.catalog import board_spec
from pytest_stm32pose.errors import PoseError, TransportTimeout
from pytest_stm32pose.measure.device import Device
from pytest_stm32pose.protocol import client, exchange
from pytest_stm32pose.protocol.answers import MEMORY
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.protocol.messages import ANSWER_BIT, Message, decode_message, encode_message
from pytest_stm32pose.settings import Settings


class SlowLink:
    """A link whose device takes a message after `takes_s`, and answers (zeros) `answers_s` later. Nobody waits for it:
    `now` is its clock."""

    name, max_message, window = "swd", 8192, 0

    def __init__(self, takes_s: float, answers_s: float) -> None:
        self._takes_s, self._answers_s = takes_s, answers_s
        self.now = 0.0
        self.asked: list[Message] = []

    def open(self, timeout_s: float) -> None: ...

    def close(self) -> None: ...

    def send(self, message: bytes, timeout_s: float) -> None:
        self._wait(self._takes_s, timeout_s, "The device took no message")
        self.asked.append(decode_message(message))

    def receive(self, timeout_s: float) -> bytes:
        self._wait(self._answers_s, timeout_s, "Nothing came")
        asked = self.asked[-1]
        return encode_message(Message(asked.type | ANSWER_BIT, asked.nonce, bytes(MEMORY.size)))

    def _wait(self, seconds: float, timeout_s: float, what: str) -> None:
        self.now += min(seconds, timeout_s)
        if seconds > timeout_s:
            raise TransportTimeout(f"{what} for {timeout_s:g} s.")


def linked(monkeypatch: pytest.MonkeyPatch, link: SlowLink, patience: float) -> PoseClient:
    clock = SimpleNamespace(monotonic=lambda: link.now, perf_counter=lambda: link.now)
    monkeypatch.setattr(client, "time", clock)
    monkeypatch.setattr(exchange, "time", clock)
    return PoseClient(link, patience=patience)


@pytest.mark.parametrize(
    ("takes_s", "answers_s", "refusal"),
    [(15, 0, "took no message for 10 s"), (0, 5, "did not answer MEMORY within 3 s")],
)
def test_patience_is_of_the_message_and_of_the_answer(
    monkeypatch: pytest.MonkeyPatch, takes_s: float, answers_s: float, refusal: str
) -> None:
    link = SlowLink(takes_s, answers_s)
    with pytest.raises(TransportTimeout, match=refusal):
        linked(monkeypatch, link, 1.0).memory()
    linked(monkeypatch, link, 2.0).memory()
    assert linked(monkeypatch, link, 2.0).repeated_requests == 0


def test_patience_is_of_what_takes_long_on_a_board_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The self test, a network that is copied, a MiB that is read; each has a limit of its own."""
    for patience, outcome in ((1.0, TransportTimeout), (2.0, PoseError)):  # zeros are no answer to these
        for ask, limit_s in ((PoseClient.self_test, 60), (PoseClient.place, 60), (PoseClient.memory_speed, 15)):
            link = SlowLink(0, 1.5 * limit_s)
            try:
                ask(linked(monkeypatch, link, patience))
                found: type[Exception] = PoseError
            except PoseError as error:
                found = type(error) if isinstance(error, TransportTimeout) else PoseError
            assert found is outcome, (ask, patience)


@pytest.mark.parametrize(("name", "times"), [("f405", 1.0), ("sim-f405", 4.0)])
def test_a_twin_has_longer_than_its_board(monkeypatch: pytest.MonkeyPatch, name: str, times: float) -> None:
    """The firmware's client has it, and so has an inference, whose limit is 32 s for the smallest networks."""
    spec = board_spec(name)
    made: list[float] = []

    def make(link: Any, slowness: float) -> Any:
        made.append(slowness)
        return None

    monkeypatch.setattr(pose_runner, "await_firmware", lambda *args, **kwargs: None)
    board: Any = SimpleNamespace(
        spec=spec, transport=lambda kind, baud: None, start=lambda: None, read=lambda address, length: bytes(4)
    )
    runner = PoseRunner(board, None, Settings(firmware=None), make)
    runner.path = "pose_runner.elf"  # type: ignore[assignment]
    runner.start()
    assert made == [times]

    limits: list[float] = []

    class Stop(Exception): ...

    def finish_infer(timeout_s: float) -> None:
        limits.append(timeout_s)
        raise Stop

    network: Any = SimpleNamespace(description=SimpleNamespace(macc=10_000_000), own_family=None)
    device = Device(board, SimpleNamespace(finish_infer=finish_infer), network, tick_hz=1, capabilities=0)
    with pytest.raises(Stop):
        device.finish()
    assert limits == [32.0 * times]
