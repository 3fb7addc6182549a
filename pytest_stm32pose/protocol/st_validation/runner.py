"""A network that ST's validation firmware runs, asked like one of ours: input of the .tflite in, its tensors out."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from pytest_stm32pose.errors import DeviceError, ProtocolError
from pytest_stm32pose.families import decode_raw, meaning_of_description
from pytest_stm32pose.network.compile import CompiledNetwork
from pytest_stm32pose.network.graph import Tensor as ModelTensor
from pytest_stm32pose.protocol.messages import InferOption
from pytest_stm32pose.protocol.st_validation import messages, tensors
from pytest_stm32pose.protocol.st_validation.client import RunAnswer, StClient
from pytest_stm32pose.protocol.st_validation.formats import format_of
from pytest_stm32pose.protocol.st_validation.messages import ModelInfo, Operator, Run, Tensor, TensorDesc
from pytest_stm32pose.types import DeviceModel, InferResult, MemoryStats, TensorData

#: What our own firmware signs a network with; ST's tools have signatures of their own.
_SHA256 = re.compile("[0-9a-f]{64}")
LIMITS = (
    "Tensors travel without a checksum, {payload} bytes per round trip: transfer times are the protocol's. Timed is "
    "the inference on the device, by its own counter; operators are those of the device's generated code."
)


class StRunner:
    """One network of a firmware.

    Args:
        board: name for messages.
        clock_hz: of the core, by SYS_INFO.

    Raises:
        DeviceError: no network of the firmware has the shapes and types of the .tflite; says why each has not.
    """

    own_client = None
    times_first_run = True  # another run is another slow upload

    def __init__(
        self, client: StClient, models: Sequence[ModelInfo], network: CompiledNetwork, *, board: str, clock_hz: int
    ) -> None:
        self._client = client
        self._network = network
        self._clock_hz = clock_hz
        # As the device's side of Device.start has it: what the host does of the network's beginning is done.
        self._inputs = tuple(network.program.tensors[index] for index in network.program.inputs)
        self._outputs = tuple(network.graph.tensors[index] for index in network.graph.outputs)
        self._input = b""
        self._model = self._choose(models, board)
        self._input_layout = tensors.layout_of(self._model.inputs[0])
        self._output_layouts = tuple(tensors.layout_of(desc) for desc in self._model.outputs)

    @property
    def model(self) -> DeviceModel:
        """What the firmware says of its network."""
        found = self._model
        version = f"{self._client.version >> 8}.{self._client.version & 0xFF}"
        runtime = f"{messages.runtime_name(found.rtid)} {_version(found.runtime_version)} {found.runtime_desc}"
        return DeviceModel(
            protocol=f"ST validation {version}",
            name=found.name,
            signature=found.signature,
            compiled=found.compile_datetime,
            runtime=runtime.strip(),
            tool_version=_version(found.tool_version),
            macc=found.n_macc,
            nodes=found.n_nodes,
            activation_bytes=0 if found.rtid & messages.NO_ACTIVATIONS else _bytes(found.activations),
            weights_bytes=0 if found.rtid & messages.NO_PARAMS else _bytes(found.params),
            limits=LIMITS.format(payload=self._client.payload_bytes),
        )

    def upload(self, slot: int, data: bytes) -> None:
        """Keeps an input, in the bytes of the .tflite; `start_infer` sends it. There is one slot."""
        tensor = self._inputs[0]
        if len(data) != tensor.nbytes:
            raise ProtocolError(f"{self._model.name}: an input of {len(data)} bytes, expected {tensor.nbytes}.")
        values = np.frombuffer(data, dtype=tensor.dtype)
        self._input = tensors.to_device(values, tensor, self._input_layout)

    def start_infer(
        self, slot: int, input_crc32: int, input_bytes: int, options: InferOption, wanted: Sequence[int] = ()
    ) -> None:
        """Sends the input; the device then runs. Raises as StClient.start_run."""
        mode = Run.IO_ONLY | (Run.PER_LAYER if options & InferOption.PROFILE else Run(0))
        self._client.start_run(self._model, [self._input], mode)

    def finish_infer(self, timeout_s: float = 60.0) -> InferResult:
        """Waits for the run. Tensors and keypoints are made on the host, ticks are cycles. Raises as finish_run."""
        answer = self._client.finish_run(timeout_s)
        outputs = tuple(self._output(number, tensor) for number, tensor in enumerate(answer.outputs))
        keypoints, scores = self._decode(outputs)
        return InferResult(
            keypoints,
            outputs,
            ticks=cycles(answer.total, self._clock_hz),
            op_ticks=tuple((index, cycles(each.operator, self._clock_hz)) for index, each in enumerate(answer.layers)),
            op_names=_names(answer),
            download_s=answer.receive_s,
            scores=scores,
        )

    def abandon(self) -> None:
        """The client sees for itself that an answer was not taken."""

    def memory(self) -> MemoryStats | None:
        """The protocol tells nothing of stack and arena."""
        return None

    def _choose(self, models: Sequence[ModelInfo], board: str) -> ModelInfo:
        reasons = []
        for model in models:
            reason = self._why_not(model)
            if not reason:
                return model
            reasons.append(f"of {model.name!r}, {reason}")
        name = self._network.description.name
        raise DeviceError(
            f"The firmware of {board} does not hold {name}: {'; '.join(reasons)}.",
            remedy="Name the .tflite it was generated from with --pose-model, or flash the right firmware.",
        )

    def _why_not(self, model: ModelInfo) -> str:
        if _SHA256.fullmatch(model.signature) and model.signature != self._network.description.sha256:
            return f"generated from the .tflite with the SHA-256 {model.signature}"
        for what, descs, expected in (
            ("input", model.inputs, self._inputs),
            ("output", model.outputs, self._outputs),
        ):
            if len(descs) != len(expected):
                return f"{len(descs)} {what}s, the .tflite has {len(expected)}"
            for number, (desc, tensor) in enumerate(zip(descs, expected, strict=True)):
                reason = tensors.mismatch(tensors.layout_of(desc), tensor)
                if reason:
                    return f"{what} {number} {reason}"
        return ""

    def _output(self, number: int, tensor: Tensor) -> TensorData:
        model: ModelTensor = self._outputs[number]
        data = tensors.from_device(tensor.data.datas, model, self._output_layouts[number])
        writer = next((op for op in self._network.graph.ops if model.index in op.outputs), None)
        return TensorData(model.index, writer.index if writer else -1, writer.name if writer else "", data)

    def _decode(self, outputs: Sequence[TensorData]) -> tuple[np.ndarray | None, np.ndarray | None]:
        """As the golden's: a heat map as it is stored, all else dequantised."""
        if self._network.own_family is not None:  # whoever asked decodes them
            return None, None
        meaning = meaning_of_description(self._network.description)
        quantisation = [tensors.quantisation(tensor) for tensor in self._outputs]
        return decode_raw(meaning, [output.data for output in outputs], quantisation)


def cycles(operator: Operator, clock_hz: int) -> int:
    """CPU cycles by the counter where there is exactly one (an NPU has several), else by the duration.

    Raises:
        ProtocolError: the duration is no number, or more than any counter holds.
    """
    words, kind = operator.counters, operator.counter_type
    if kind == messages.COUNTERS_U64 << messages.COUNTER_FORMAT_SHIFT and len(words) == 2:
        return words[0] | words[1] << 32
    if kind == messages.COUNTERS_U32 << messages.COUNTER_FORMAT_SHIFT and len(words) == 1:
        return words[0]
    ticks = operator.duration * clock_hz / 1000
    if not ticks < 1 << 64:
        raise ProtocolError(f"The device says that {operator.name!r} took {operator.duration:g} ms.")
    return round(max(ticks, 0.0))


def _names(answer: RunAnswer) -> tuple[tuple[int, str], ...]:
    return tuple((index, each.operator.name or f"node {index}") for index, each in enumerate(answer.layers))


def _bytes(descs: Sequence[TensorDesc]) -> int:
    """Of memory that is described as tensors; what has no type is counted in bytes."""
    formats = [format_of(desc.format) for desc in descs]
    return sum(
        desc.size * (np.dtype(each.dtype).itemsize if each else 1) for desc, each in zip(descs, formats, strict=True)
    )


def _version(number: int) -> str:
    return f"{number >> 24}.{number >> 16 & 0xFF}.{number >> 8 & 0xFF}"
