"""The boards of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from pytest_stm32pose.bench.kinds import session_of
from pytest_stm32pose.bench.session import BoardSession
from pytest_stm32pose.errors import PoseError, ProbeError, ProtocolError, TransportError
from pytest_stm32pose.run.inputs import RunInputs


class Benches:
    """Each board is taken when it is first asked for, and kept ready until the end.

    Attributes:
        sessions: by the board's name, in the order in which they were taken; also those that failed to open.
        say: told what a run waits for.
    """

    def __init__(self, inputs: RunInputs) -> None:
        self.say: Callable[[str], None] | None = None
        self._inputs = inputs
        self._sessions: dict[str, BoardSession] = {}
        self.sessions: Mapping[str, BoardSession] = MappingProxyType(self._sessions)

    def board(self, name: str) -> BoardSession:
        """A board, open, with its firmware running. Raises PoseError, the same one again for every later test."""
        if name not in self._sessions:
            from pytest_stm32pose.boards.open import open_board

            settings, faults = self._inputs.settings, self._inputs.twin_faults(name)
            firmware = self._inputs.firmware(self._inputs.spec(name))
            board = open_board(
                name,
                probe=settings.probe,
                serial=settings.serial_url,
                user_file=self._inputs.boards_file,
                wait_s=settings.lock_wait_s,
                say=self.say,
                faults=faults,
            )
            self._sessions[name] = session_of(board, firmware, settings, self._inputs.read_generated())
        session = self._sessions[name]
        session.open()
        return session

    def explain(self, error: PoseError) -> PoseError:
        """What is behind an unanswered request, asked of every open board; they are restarted before the next test."""
        for session in self._sessions.values():
            if not session.suspect:
                error = session.explain(error)
                session.suspect = isinstance(error, (TransportError, ProtocolError, ProbeError))
        return error

    def abandon(self) -> None:
        """A request was cut off in the middle, and nobody knows of which board."""
        for session in self._sessions.values():
            session.abandon()

    def close(self) -> None:
        """Releases every board."""
        for session in self._sessions.values():
            session.close()
