"""A board with firmware running and a network loaded, as one picture meets it."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from pytest_stm32pose.errors import ConfigError, DeviceError, PoseError
from pytest_stm32pose.families import NO_FAMILY
from pytest_stm32pose.families.own import Output, Outputs
from pytest_stm32pose.measure import checksums
from pytest_stm32pose.measure.asking import Asking
from pytest_stm32pose.measure.divergence import Divergence, first_divergence
from pytest_stm32pose.measure.slots import Slots
from pytest_stm32pose.pictures import preprocess
from pytest_stm32pose.pictures.values import device_tensor, settled
from pytest_stm32pose.preprocessing import DEFAULT, Preprocessing
from pytest_stm32pose.protocol.messages import Capability, InferOption
from pytest_stm32pose.types import DeviceModel, InferResult, Picture, Places, Skeleton

if TYPE_CHECKING:
    from pytest_stm32pose.boards.base import Board
    from pytest_stm32pose.golden.base import GoldenAnswer
    from pytest_stm32pose.golden.store import GoldenStore
    from pytest_stm32pose.judge.budget import Budget
    from pytest_stm32pose.measure.runner import Runner
    from pytest_stm32pose.network.compile import CompiledNetwork
    from pytest_stm32pose.network.graph import Tensor
    from pytest_stm32pose.pictures.mapping import Mapping
    from pytest_stm32pose.protocol.client import PoseClient

T = TypeVar("T")


#: Seconds that any inference may take, and seconds per multiply-accumulate on top (a busy host, portable C, emulated).
INFER_BASE_S = 30.0


INFER_PER_MAC_S = 2e-7


#: Names in a message of operators that the plan hides.
HIDDEN_SHOWN = 3


@dataclass(frozen=True)
class IntermediateComparison:
    """Every tensor of one picture that the device has in full at some time, device against golden.

    Attributes:
        tensors: that both have, and so were compared.
        not_in_golden: that the golden lacks (a stored one without their digests).
    """

    tensors: int
    divergence: Divergence | None
    not_in_golden: int = 0


@dataclass
class Device:
    """A board with firmware running and a network loaded.

    Attributes:
        clock_hz: of the core, where the firmware was built for another clock than the catalog's; else 0.
        capabilities: messages.Capability bits of the firmware.
        is_exact: our own kernels run: a tensor that differs from the golden by one LSB is a defect.
        model: what a firmware that is not ours says of its network.
        budgets: limits that come with the network, where the user gives none of the name.
        all_bytes: tensors come with their data also where their CRC-32 would do.
        slots: input slots of the firmware, which outlive this object: what is in them is not uploaded again.
    """

    board: Board
    runner: Runner
    network: CompiledNetwork
    tick_hz: int
    slots: Slots = field(default_factory=lambda: Slots(2))
    swap_channels: bool = False  #: the fault `input-channels`
    preprocessing: Preprocessing = DEFAULT
    clock_hz: int = 0
    capabilities: int = ~0
    is_exact: bool = True
    model: DeviceModel | None = None
    budgets: tuple[Budget, ...] = ()
    places: Places | None = None  #: of weights and arena, where the firmware tells
    all_bytes: bool = False
    _slot: int = field(default=0, repr=False)
    #: CRC-32 of what the device was given -> of the .tflite's input that it was made from.
    _given: dict[int, int] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self._asking = Asking(self.runner, self.slots)

    @property
    def client(self) -> PoseClient:
        """The client of our own firmware. Raises ConfigError: the board runs another one."""
        if (client := self.runner.own_client) is None:
            raise ConfigError(
                f"{self.board.spec.name} runs a firmware that does not speak this package's protocol.",
                remedy="Mark the test with pose_board(capability=...), and it skips there.",
            )
        return client

    @property
    def decodes(self) -> bool:
        """The network's outputs become keypoints; else they are compared as tensors only."""
        return self.network.description.family != NO_FAMILY

    @property
    def preprocessed(self) -> str:
        """How pictures become this network's input, in words (Preprocessing.text)."""
        return settled(self.preprocessing, self.network.description).text

    @property
    def counts_instructions(self) -> bool:
        return self.board.spec.icount_ns > 0

    @property
    def has_time(self) -> bool:
        """Ticks say something about the network; those of a twin do not (twins/clock.py)."""
        return not self.board.spec.is_twin

    @property
    def times_first_run(self) -> bool:
        """One run is enough: instruction counts are exact; over ST's protocol another one is another slow upload; a
        twin has no time."""
        return not self.has_time or self.counts_instructions or self.runner.times_first_run

    @property
    def tells_digests(self) -> bool:
        """Tensors can come as their CRC-32 alone. The decoder of a user's own family needs the outputs' data."""
        knows = bool(self.capabilities & Capability.DIGESTS)
        return knows and not self.all_bytes and self.network.own_family is None

    @property
    def operators(self) -> int:
        """Operators that run: those of the .tflite without the ones that others absorbed."""
        return len(self.network.program.ops)

    def operator_name(self, op_source: int) -> str:
        """TFLite name of an operator by its index in the .tflite."""
        return self.network.graph.ops[op_source].name

    def values(self, ticks: int) -> int:
        """Ticks as instructions (virtual boards) or cycles."""
        ns = self.board.spec.icount_ns
        return round(ticks * 1e9 / (self.tick_hz * ns)) if ns else ticks

    def input_tensor(self, picture: Picture) -> tuple[np.ndarray, Mapping]:
        """The .tflite's input for a picture, its channels last, and the way back to its pixels."""
        return preprocess.input_tensor(picture, self.network.description, self.preprocessing)

    def start(
        self,
        tensor: np.ndarray,
        *,
        outputs: bool = True,
        intermediates: bool = False,
        profile: bool = False,
        digests: bool = False,
        wanted: Sequence[int] = (),
    ) -> float:
        """Uploads an input tensor, unless a slot holds it, and starts; `finish` takes the answer.

        Args:
            digests: tensors come as their CRC-32 alone where the device can (`tells_digests`).
            wanted: those of them that come with their data all the same, by their index in the .tflite.

        Returns:
            Seconds that the input took to get there; of one that a slot held, those that its upload took then.
        """
        data = self._as_given(tensor)
        self._given = {zlib.crc32(data): zlib.crc32(np.ascontiguousarray(self._tampered(tensor)).tobytes())}
        on_device = self.decodes and self.network.own_family is None
        options = InferOption.KEYPOINTS if on_device else InferOption(0)
        options |= InferOption.OUTPUTS if outputs else InferOption(0)
        options |= InferOption.INTERMEDIATES if intermediates else InferOption(0)
        options |= InferOption.PROFILE if profile else InferOption(0)
        options |= InferOption.DIGESTS if digests and self.tells_digests else InferOption(0)
        return self._asking.start(data, options, wanted)

    def upload_ahead(self, tensor: np.ndarray) -> None:
        """Uploads the input that comes next while the device runs. Raises as Runner.upload."""
        self._asking.bring(self._as_given(tensor))

    @property
    def takes_uploads_while_running(self) -> bool:
        """It has a slot for the next input, and reads it between the operators of the one that runs."""
        return len(self.slots) > 1 and bool(self.capabilities & Capability.UPLOAD_WHILE_RUNNING)

    def _as_given(self, tensor: np.ndarray) -> bytes:
        """An input tensor in the bytes that the device takes."""
        given = device_tensor(self._tampered(tensor), self.network.description)
        return np.ascontiguousarray(given).tobytes()

    def _tampered(self, tensor: np.ndarray) -> np.ndarray:
        return tensor[..., ::-1] if self.swap_channels else tensor

    def finish(self) -> InferResult:
        """Waits for the running inference."""
        limit_s = INFER_BASE_S + INFER_PER_MAC_S * self.network.description.macc
        answer = self._asking.finish(limit_s * self.board.spec.slowness)
        # The golden knows the .tflite's input; what the device got may be the output of its first operator.
        echoed = answer.input_crc32
        if echoed is not None:
            answer = replace(answer, input_crc32=self._given.get(echoed, echoed))
        return self._decoded(answer) if self.network.own_family and answer.outputs else answer

    def _decoded(self, answer: InferResult) -> InferResult:
        """With the keypoints that the decoder of a user's own family makes of the outputs.

        Raises:
            DecoderError: the decoder cannot.
            DeviceError: an output is missing.
        """
        own, graph = self.network.own_family, self.network.graph
        assert own is not None, "the caller looks"
        of_device = {tensor.source: tensor.data for tensor in answer.outputs}
        if lacking := [index for index in graph.outputs if index not in of_device]:
            name = graph.tensors[lacking[0]].name
            raise DeviceError(
                f"{self.board.spec.name} did not send the output {name}, which family {own.name} decodes."
            )
        outputs = (_output(of_device[index], graph.tensors[index]) for index in graph.outputs)
        description = self.network.description
        height, width, _ = description.input_shape
        keypoints, scores = own.decoded(Outputs(outputs, height, width), description.keypoints, of_device=True)
        return replace(answer, keypoints_norm=keypoints, scores=scores)

    def run(
        self,
        tensor: np.ndarray,
        meanwhile: Callable[[], T],
        *,
        intermediates: bool = False,
        profile: bool = False,
        digests: bool = False,
    ) -> tuple[InferResult, T, float]:
        """One inference with all outputs, and something done on the host while the device runs.

        An error of the host's work does not leave the request open: the device's answer is taken first.

        Args:
            digests: see `start`; checksums.py completes such an answer.

        Returns:
            The device's answer, what `meanwhile` returned, and the seconds that the upload took.
        """
        upload_s = self.start(tensor, intermediates=intermediates, profile=profile, digests=digests)
        try:
            done = meanwhile()
        except Exception:
            with contextlib.suppress(PoseError):  # the host's error is the one to tell; a dead link is found next time
                self.finish()
            raise
        return self.finish(), done, upload_s

    def infer(
        self, picture: Picture, *, outputs: bool = True, intermediates: bool = False, profile: bool = False
    ) -> InferResult:
        """One inference. Raises DeviceError, TransportError, ProtocolError."""
        tensor, _ = self.input_tensor(picture)
        return self.again(tensor, outputs=outputs, intermediates=intermediates, profile=profile)

    def again(
        self,
        tensor: np.ndarray,
        *,
        outputs: bool = True,
        intermediates: bool = False,
        profile: bool = False,
        digests: bool = False,
    ) -> InferResult:
        """One inference of an input tensor, which is not uploaded where a slot holds it. Raises as `infer`."""
        self.start(tensor, outputs=outputs, intermediates=intermediates, profile=profile, digests=digests)
        return self.finish()

    def time(self, picture: Picture, repeat: int) -> tuple[int, ...]:
        """Instructions or cycles of `repeat` inferences of one picture, which is uploaded once at most."""
        tensor, _ = self.input_tensor(picture)
        return tuple(self.values(self.again(tensor, outputs=False).ticks) for _ in range(repeat))

    def compare_intermediates(self, golden: GoldenStore, picture: Picture) -> IntermediateComparison:
        """Every tensor that exists against the golden's."""
        tensor, _ = self.input_tensor(picture)
        device, reference, _ = self.run(
            tensor, lambda: golden.answer(picture, tensor, intermediates=True), intermediates=True, digests=True
        )
        device = checksums.with_outputs(self, device, reference.result, tensor)
        device, note = checksums.with_intermediates(self, device, reference, tensor)
        wanted = set(self.network.tensors)
        known = {t.source for t in reference.result.intermediates} | {digest.source for digest in reference.digests}
        told = {t.source for t in device.intermediates} | {digest.source for digest in device.intermediate_digests}
        compared = told & wanted & known
        divergence = divergence_of(reference, device, self.network.description.skeleton)
        if divergence is not None and note:
            divergence = divergence.noting(note)
        if divergence is not None and (hidden := self.hidden_before(divergence)):
            names = ", ".join(f"{op} {self.operator_name(op)}" for op in hidden[-HIDDEN_SHOWN:])
            divergence = divergence.noting(f"before it, and not seen in this plan: {names}")
        return IntermediateComparison(len(compared), divergence, len(wanted - known))

    def hidden_before(self, divergence: Divergence) -> list[int]:
        """Operators between the last tensor that is known to be equal and the one that differs, which may be the cause.

        Those of which the plan never has the whole output; none where every tensor could be compared.
        """
        ops, seen = self.network.graph.ops, set(self.network.tensors)
        if divergence.stage != "operator":
            return []
        hidden: list[int] = []
        for index in reversed(range(divergence.op_index)):
            if seen & set(ops[index].outputs):
                break
            hidden.insert(0, index)
        return hidden


def _output(data: np.ndarray, tensor: Tensor) -> Output:
    """An output tensor as a decoder gets it."""
    scale, zero_point = tensor.quantization.scale, tensor.quantization.zero_point
    known = (float(scale[0]), int(zero_point[0])) if scale.size == 1 else (0.0, 0)
    return Output(data, *known, tensor.name)


def divergence_of(golden: GoldenAnswer, device: InferResult, skeleton: Skeleton | None) -> Divergence | None:
    return first_divergence(
        golden.result,
        device,
        golden_input_crc32=golden.input_crc32,
        device_input_crc32=device.input_crc32,
        digests=golden.digests,
        names=skeleton.names if skeleton else None,
    )
