"""What runs a network, as whoever measures sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from pytest_stm32pose.protocol.messages import InferOption
from pytest_stm32pose.types import InferResult, MemoryStats

if TYPE_CHECKING:
    from pytest_stm32pose.protocol.client import PoseClient


class Runner(Protocol):
    """What runs a network: our firmware's client, or one that speaks another firmware's protocol."""

    @property
    def own_client(self) -> PoseClient | None:
        """The client of our own firmware, for all that can be asked of it; None when another one runs."""

    @property
    def times_first_run(self) -> bool:
        """The run that carries the tensors is timed too: another one would cost too much."""

    def upload(self, slot: int, data: bytes) -> None: ...

    def start_infer(
        self, slot: int, input_crc32: int, input_bytes: int, options: InferOption, wanted: Sequence[int] = ()
    ) -> None:
        """`wanted`: with DIGESTS, which only our firmware knows, tensors that come with their data all the same."""

    def finish_infer(self, timeout_s: float = ...) -> InferResult: ...

    def memory(self) -> MemoryStats | None: ...

    def abandon(self) -> None:
        """Ends a run that nobody finished, whose answer is nobody's."""
