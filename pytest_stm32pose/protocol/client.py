"""The host's side of the protocol: what a device can be asked, and what it answers (firmware/PROTOCOL.md)."""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pytest_stm32pose.errors import DeviceError, ProtocolError, TransportTimeout
from pytest_stm32pose.protocol import answers, messages
from pytest_stm32pose.protocol.exchange import ATTEMPTS, BUSY_PAUSE_S, Exchange
from pytest_stm32pose.protocol.inference import Assembler
from pytest_stm32pose.protocol.messages import Command, InferOption, Message, Status
from pytest_stm32pose.protocol.upload import Progress, Upload, chunk_bytes
from pytest_stm32pose.transports.base import Transport
from pytest_stm32pose.transports.framing import max_frame_bytes
from pytest_stm32pose.types import DeviceMemory, DeviceNetwork, Hello, InferResult, MemoryStats, SelfTest, TensorData

SELF_TEST_TIMEOUT_S = 60.0
#: For 16 MiB that are copied from the slowest flash and checked there.
PLACE_TIMEOUT_S = 60.0
#: For 1 MiB of it.
MEMORY_SPEED_TIMEOUT_S = 15.0
HELLO_AFTER_RESET_TIMEOUT_S = 0.5
#: While a network runs the device answers between its operators, so an answer may take this many times longer.
RUNNING_PATIENCE = 5


@dataclass
class _Run:
    """The INFER under way. `nonce` changes when it has to be asked again."""

    slot: int
    input_crc32: int
    input_bytes: int
    options: InferOption
    wanted: Sequence[int]
    assembler: Assembler
    nonce: int = 0
    asked: int = 0
    probe_nonce: int | None = None
    outcome: InferResult | DeviceError | None = None
    damage: ProtocolError | None = None
    over: bool = False
    first_answer_s: float | None = None

    def take(self, item: Message | ProtocolError) -> None:
        """Takes a message of the run, or a damage. After a damage only the run's end matters."""
        if isinstance(item, ProtocolError):
            self.damage = item
            return
        self.over = not item.more
        try:
            if self.damage is None or item.status != Status.OK:
                self.assembler.feed(item)
                self.outcome = self._timed(self.assembler.result)
        except DeviceError as error:
            self.outcome, self.over = error, True
        except ProtocolError as error:
            self.damage = error

    def _timed(self, result: InferResult | None) -> InferResult | None:
        now_s = time.perf_counter()
        if self.first_answer_s is None:
            self.first_answer_s = now_s
        return None if result is None else replace(result, download_s=now_s - self.first_answer_s)


class PoseClient:
    """One device behind one open transport. Not thread-safe.

    Args:
        transport: an open transport; the caller closes it.
        request_timeout_s: how long one answer is waited for before the request is repeated.
        probe_after_s: silence during an inference after which the device is asked whether it is still at it.
        patience: how many times longer than a board the device may take for anything (BoardSpec.slowness).

    Attributes:
        dropped_frames: the device's own count of frames it dropped, from the last `memory()`.
        times_first_run: False: an upload is quick, so runs are timed apart from the one that carries the tensors.
    """

    times_first_run = False

    def __init__(
        self,
        transport: Transport,
        *,
        request_timeout_s: float = 3.0,
        probe_after_s: float = 3.0,
        patience: float = 1.0,
    ) -> None:
        self._transport = transport
        self._patience = patience
        self._exchange = Exchange(transport, request_timeout_s * patience, patience)
        self._probe_after_s = probe_after_s * patience
        self._max_message = messages.MAX_BEFORE_HELLO
        self._window = 0
        self._run: _Run | None = None
        self._decoding = b""
        self._places: tuple[int, int] | None = None
        self.dropped_frames = 0

    @property
    def own_client(self) -> PoseClient:
        """Itself: it speaks our protocol (measure/runner.py)."""
        return self

    @property
    def stale_answers(self) -> int:
        """Answers dropped because nobody waited for their nonce."""
        return self._exchange.stale_answers

    @property
    def damaged_answers(self) -> int:
        """Frames that were no valid message."""
        return self._exchange.damaged_answers

    @property
    def repeated_requests(self) -> int:
        """Requests asked again."""
        return self._exchange.repeated_requests

    def hello(self, attempts: int = ATTEMPTS, timeout_s: float | None = None) -> Hello:
        """Who is there. Ends an inference that an earlier host left running on this link.

        Asks up to `attempts` times: a port that is not yet on loses what is sent to it. Each waits `timeout_s` for its
        answer, or as long as any request.

        Raises:
            TransportError, ProtocolError, DeviceError: as every request: the link is dead or silent; the answers are
                not valid; the device refuses.
        """
        self._drop_run()
        hello = answers.decode_hello(self._exchange.ask(Command.HELLO, attempts=attempts, timeout_s=timeout_s).payload)
        if hello.protocol_version != messages.VERSION:
            raise ProtocolError(
                f"The firmware speaks protocol version {hello.protocol_version}, expected {messages.VERSION}.",
                remedy="Flash the firmware of this version of the package.",
            )
        self._max_message = min(self._transport.max_message, hello.max_message)
        # Older firmware does not say it: two of its longest frames.
        window = 2 * max_frame_bytes(hello.max_message) if hello.window is None else hello.window
        self._window = min(self._transport.window, window)
        return hello

    def network_info(self) -> DeviceNetwork:
        """The flashed network, or why there is none (`status`)."""
        return answers.decode_network_info(self._exchange.ask(Command.NETWORK_INFO).payload)

    def set_decoding(self, decoding: bytes) -> None:
        """How a network that is linked in is decoded (NETWORK_IMAGE.md, Decoding), also after a `reset`.

        Raises:
            DeviceError: the firmware does not know it, or its network is an image.
        """
        self._exchange.ask(Command.DECODING, decoding)
        self._decoding = decoding

    def self_test(self) -> SelfTest:
        timeout_s = SELF_TEST_TIMEOUT_S * self._patience
        return answers.decode_self_test(self._exchange.ask(Command.SELF_TEST, timeout_s=timeout_s).payload)

    def memory(self) -> MemoryStats:
        stats, self.dropped_frames = answers.decode_memory(self._exchange.ask(Command.MEMORY).payload)
        return stats

    def memories(self) -> tuple[DeviceMemory, ...]:
        """The memories that the network runs from and in. Raises DeviceError: the firmware is too old to tell."""
        return answers.decode_memories(self._exchange.ask(Command.MEMORIES).payload)

    def place(self, weights: int = messages.AS_STARTED, arena: int = messages.AS_STARTED) -> None:
        """Copies the network image to one of `memories()`, and has the arena in one, also after a `reset`.

        What the input slots held may be lost.

        Raises:
            DeviceError: there is no such memory, or the network does not fit there; it runs as after the start then.
        """
        timeout_s = PLACE_TIMEOUT_S * self._patience
        self._exchange.ask(Command.PLACE, messages.PLACE.pack(weights, arena), timeout_s=timeout_s)
        self._places = (weights, arena)

    def memory_speed(self) -> tuple[int, int]:
        """Reads what the weights are in, caches emptied: bytes, at most 1 MiB of the image, and the ticks that took.

        Raises:
            DeviceError: there is no network image.
        """
        answer = self._exchange.ask(Command.MEMORY_SPEED, timeout_s=MEMORY_SPEED_TIMEOUT_S * self._patience)
        return answers.decode_memory_speed(answer.payload)

    def reset(self, timeout_s: float = 10.0) -> Hello:
        """Resets the device and waits until it answers again.

        Raises:
            TransportTimeout: it did not within `timeout_s`, times the client's patience.
        """
        self._drop_run()
        self._exchange.ask(Command.RESET, attempts=1)
        deadline = time.monotonic() + timeout_s * self._patience
        patient, self._exchange.timeout_s = self._exchange.timeout_s, HELLO_AFTER_RESET_TIMEOUT_S
        try:
            while True:
                try:
                    self._transport.close()
                    self._transport.open(max(0.1, deadline - time.monotonic()))
                    hello = self.hello()
                    if self._decoding:
                        self.set_decoding(self._decoding)
                    if self._places is not None:
                        self.place(*self._places)
                        hello = self.hello()
                    return hello
                except TransportTimeout:
                    if time.monotonic() > deadline:
                        raise
        finally:
            self._exchange.timeout_s = patient

    def upload(self, slot: int, data: bytes, progress: Progress | None = None) -> None:
        """Fills an input slot; allowed while an inference runs on the other one.

        Args:
            slot: 0 or 1.
            data: the network's input, raw bytes.
            progress: called with (bytes the device holds, bytes in all).

        Raises:
            DeviceError: slot in use, no such slot, or more data than it holds.
        """
        Upload(
            self._exchange,
            slot,
            data,
            limit=chunk_bytes(self._max_message, self._window),
            window=self._window,
            # Between two operators only: a device in the middle of a run answers late.
            patience_s=lambda: self._exchange.timeout_s * (RUNNING_PATIENCE if self._run is not None else 1),
            progress=progress,
        ).run()

    def infer(
        self,
        slot: int,
        input_crc32: int,
        input_bytes: int,
        *,
        keypoints: bool = True,
        outputs: bool = False,
        intermediates: bool = False,
        profile: bool = False,
        digests: bool = False,
        timeout_s: float = 60.0,
    ) -> InferResult:
        """Runs the network on what `slot` holds and returns everything asked for.

        Args:
            digests: of tensors the CRC-32 instead of the data (Capability.DIGESTS).

        Raises:
            DeviceError: the slot does not hold that, or the run failed on the device.
            TransportTimeout: no result within `timeout_s`.
        """
        options = _options(keypoints, outputs, intermediates, profile, digests)
        self.start_infer(slot, input_crc32, input_bytes, options)
        return self.finish_infer(timeout_s)

    def start_infer(
        self, slot: int, input_crc32: int, input_bytes: int, options: InferOption, wanted: Sequence[int] = ()
    ) -> None:
        """Starts a run and returns at once; `upload` to the other slot is allowed until `finish_infer`.

        Args:
            wanted: with DIGESTS, the tensors that come with their data all the same, at most messages.MAX_WANTED.
        """
        if self._run is not None:
            raise ProtocolError("An inference is already under way on this link.", remedy="Call finish_infer() first.")
        self._run = _Run(slot, input_crc32, input_bytes, options, wanted, Assembler(options, input_crc32, wanted))
        try:
            self._ask_infer(self._run)
        except BaseException:  # nothing is under way whose answer could be taken
            self._drop_run()
            raise

    def finish_infer(self, timeout_s: float = 60.0) -> InferResult:
        """Waits for the run that `start_infer` began. Raises as `infer`."""
        run = self._run
        if run is None:
            raise ProtocolError("No inference is under way on this link.", remedy="Call start_infer() first.")
        deadline = time.monotonic() + timeout_s
        try:
            while not isinstance(run.outcome, InferResult):
                if run.over:
                    self._ask_infer_again(run, deadline)
                self._wait_for_run(run, deadline, timeout_s)
                if isinstance(run.outcome, DeviceError) and run.outcome.status != Status.BUSY:
                    raise run.outcome
            return replace(run.outcome, run=run.nonce)
        finally:
            self._drop_run()

    def fetch_output(self, answer: InferResult, number: int) -> TensorData:
        """An output tensor of the last run, whose CRC-32 alone has come.

        Args:
            answer: of that run.
            number: among its `output_digests`.

        Raises:
            DeviceError: with status STATE, something has run since; else, the bytes have another CRC than was told.
        """
        told = answer.output_digests[number]
        size = np.dtype(told.dtype).itemsize * math.prod(told.shape)
        data = bytearray()
        while len(data) < size:
            payload = messages.OUTPUT.pack(answer.run, number, len(data))
            piece = self._exchange.ask(Command.OUTPUT, payload).payload
            if not 0 < len(piece) <= size - len(data):
                raise ProtocolError(f"OUTPUT answer: {len(piece)} bytes, {size - len(data)} of {size} were to come.")
            data += piece
        if (crc32 := zlib.crc32(data)) != told.crc32:
            raise DeviceError(
                f"The device told CRC-32 0x{told.crc32:08X} of output tensor {told.source}, and its bytes have "
                f"0x{crc32:08X}."
            )
        array = np.frombuffer(bytes(data), dtype=np.dtype(told.dtype)).reshape(told.shape)
        return TensorData(told.source, told.op_source, told.op_name, array)

    def abandon(self) -> None:
        """Ends a run that nobody finished; does nothing without one. Raises as `hello`, which ends it on the device."""
        if self._run is not None:
            self.hello()

    def _drop_run(self) -> None:
        """Its further answers are stale."""
        if self._run is not None:
            self._exchange.forget(self._run.probe_nonce)
            self._exchange.forget(self._run.nonce)
            self._run = None

    def _ask_infer(self, run: _Run) -> None:
        run.assembler = Assembler(run.options, run.input_crc32, run.wanted)
        run.outcome, run.damage, run.over, run.first_answer_s = None, None, False, None
        run.asked += 1
        payload = messages.infer_payload(run.slot, run.options, run.input_bytes, run.input_crc32, run.wanted)
        self._exchange.forget(run.nonce)
        run.nonce = self._exchange.send(Command.INFER, payload, run.take)

    def _ask_infer_again(self, run: _Run, deadline: float) -> None:
        busy = isinstance(run.outcome, DeviceError) and run.outcome.status == Status.BUSY
        if busy:
            if time.monotonic() > deadline:
                raise run.outcome  # type: ignore[misc]
            run.asked -= 1
            time.sleep(BUSY_PAUSE_S)
        elif run.asked >= ATTEMPTS:
            stale = self.stale_answers
            said = f"; {stale} answers to other requests came (an answer repeats its request's nonce)" if stale else ""
            raise run.damage or ProtocolError(f"The answer of an inference was lost {run.asked} times{said}.")
        else:
            self._exchange.repeated_requests += 1
        self._ask_infer(run)

    def _wait_for_run(self, run: _Run, deadline: float, timeout_s: float) -> None:
        """Pumps until the run is over, in whatever way. After a silence asks MEMORY: BUSY means that it still runs."""
        quiet_since = time.monotonic()
        while not run.over:
            now = time.monotonic()
            if now > deadline:
                raise TransportTimeout(f"The inference did not end within {timeout_s:g} s.")
            patience_s = self._probe_after_s * (1 if run.probe_nonce is None else RUNNING_PATIENCE)
            if now - quiet_since > patience_s:
                self._exchange.forget(run.probe_nonce)
                run.probe_nonce = self._exchange.send(Command.MEMORY)
                quiet_since = now
            if self._exchange.pump(min(deadline - now, self._probe_after_s)):
                quiet_since = time.monotonic()
            probe = None if run.probe_nonce is None else self._exchange.take(run.probe_nonce)
            if probe is not None:
                run.probe_nonce = None
                # Answers come in order: an idle device has sent everything it had.
                run.over = run.over or probe.status != Status.BUSY


def _options(keypoints: bool, outputs: bool, intermediates: bool, profile: bool, digests: bool) -> InferOption:
    options = InferOption(0)
    for wanted, option in (
        (keypoints, InferOption.KEYPOINTS),
        (outputs, InferOption.OUTPUTS),
        (intermediates, InferOption.INTERMEDIATES),
        (profile, InferOption.PROFILE),
        (digests, InferOption.DIGESTS),
    ):
        if wanted:
            options |= option
    return options
