"""Our firmware with the network linked in (`--pose-backend=stedgeai` and `aton`).

The firmware is built from the user's generated files; nothing of ours is compiled into an image. What the generator
left beside them is flashed as data. The .tflite is the golden: the device's tensors are compared with it and judged by
the budgets that the user gives, and by the footprints of ST's report.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pytest_stm32pose.bench.pose_runner import PoseRunner
from pytest_stm32pose.errors import ConfigError, DeviceError
from pytest_stm32pose.families import NO_FAMILY, meaning_of_description
from pytest_stm32pose.golden.digest import digest
from pytest_stm32pose.judge.budget import Budget
from pytest_stm32pose.network.image import pack_decoding
from pytest_stm32pose.network.picture_input import given_as
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.types import (
    DeviceModel,
    DeviceNetwork,
    FlashReport,
    InferResult,
    NetworkDescription,
    TensorData,
    TensorDigest,
)

if TYPE_CHECKING:
    from pytest_stm32pose.bench.faults import Injected
    from pytest_stm32pose.boards.base import Board
    from pytest_stm32pose.firmware.c_info import CInfo
    from pytest_stm32pose.firmware.generated import GeneratedNetwork
    from pytest_stm32pose.measure.device import Device
    from pytest_stm32pose.network.compile import CompiledNetwork
    from pytest_stm32pose.settings import Settings
    from pytest_stm32pose.transports.base import Transport

#: An output, with its data or by its CRC-32.
Told = TypeVar("Told", TensorData, TensorDigest)
#: What the pose runner itself may take of the flash, beside ST's library and the network: KiB.
RUNNER_FLASH_KIB = 96
#: Faults that change a network image, which there is none of here.
IMAGE_FAULTS = ("weights-bit", "network-bit")
LIMITS = "Operators are the generated code's nodes or epochs; tensors between input and output are not told."
_KIB = 1024
_REGENERATE = "Generate the code from this .tflite, with its input and output types (docs/vendor-backends.md)."


@dataclass(frozen=True)
class _Output:
    """An output of the .tflite: its index, shape and type, and the operator that writes it."""

    source: int
    shape: tuple[int, ...]
    dtype: str
    op_source: int
    op_name: str


class LinkedClient(PoseClient):
    """Our client, for a firmware that counts its outputs instead of naming tensors of the .tflite.

    Args:
        outputs: those of the .tflite that is loaded when the firmware answers.
        patience: as PoseClient's.
    """

    def __init__(self, transport: Transport, outputs: Callable[[], Sequence[_Output]], patience: float = 1.0) -> None:
        super().__init__(transport, patience=patience)
        self._outputs = outputs

    def finish_infer(self, timeout_s: float = 60.0) -> InferResult:
        """As PoseClient.finish_infer. Raises DeviceError: an output is not of the .tflite's shape and type."""
        answer = super().finish_infer(timeout_s)
        came = len(answer.outputs) + len(answer.output_digests)
        if not came:
            return answer
        outputs = self._outputs()
        if came != len(outputs):
            raise DeviceError(
                f"The network on the board has {came} outputs, the .tflite has {len(outputs)}.", remedy=_REGENERATE
            )
        if answer.output_digests:
            return replace(answer, output_digests=tuple(map(self._named, answer.output_digests, outputs)))
        return replace(answer, outputs=tuple(map(self._named, answer.outputs, outputs)))

    @staticmethod
    def _named(tensor: Told, output: _Output) -> Told:
        known = digest(tensor) if isinstance(tensor, TensorData) else tensor
        shape, dtype = known.shape, known.dtype
        if (shape, dtype) != (output.shape, output.dtype):
            raise DeviceError(
                f"Output {tensor.source} of the network on the board is {dtype} {list(shape)}, the .tflite's is "
                f"{output.dtype} {list(output.shape)}.",
                remedy=_REGENERATE,
            )
        return replace(tensor, source=output.source, op_source=output.op_source, op_name=output.op_name)


class LinkedFirmware(PoseRunner):
    """See Firmware.

    Args:
        generated: what was linked into the file `path`.

    Raises:
        ConfigError: the fault changes a network image.
    """

    def __init__(
        self,
        board: Board,
        path: Path | None,
        settings: Settings,
        generated: GeneratedNetwork,
        fault: Injected | None = None,
    ) -> None:
        super().__init__(
            board, path, settings, lambda link, slowness: LinkedClient(link, lambda: self._outputs, slowness)
        )
        self._generated = generated
        self._outputs: tuple[_Output, ...] = ()
        self._decoding = b""
        if fault and fault.name in IMAGE_FAULTS:
            raise ConfigError(
                f"--pose-fault={fault.name} changes a network image; backend {generated.backend} has none."
            )

    def start(self) -> None:
        """See Firmware. A firmware that starts anew decodes as its outputs' shapes suggest until it is told more."""
        super().start()
        if self._decoding:
            self.client.set_decoding(self._decoding)

    def load(self, network: CompiledNetwork) -> None:
        """See Firmware. What is flashed beside the program is there again, and verified, which stops the firmware."""
        self.state.loaded, self._decoding = None, b""
        if self.load_again() is not None:
            self.start()
        self._outputs = _outputs(network)
        self._answer = self._checked(self.accepted(network), network)
        self.check_input(self._as_taken(network.description))
        self.state.loaded = network

    def load_again(self) -> FlashReport | None:
        """What the generator left to be flashed, verified; None when it is all in the firmware."""
        reports = [self.board.flash_data(address, data) for address, data in self._data()]
        if not reports:
            return None
        return FlashReport(
            sum(report.bytes_written for report in reports),
            all(report.skipped for report in reports),
            sum(report.seconds for report in reports),
        )

    def _data(self) -> list[tuple[int, bytes]]:
        from pytest_stm32pose.probes.image import read_image

        pieces = []
        for file in self._generated.data_files(self.board.spec.network.address):
            if file.in_ram:  # part of the firmware
                continue
            if file.address is None:
                pieces += [(segment.address, segment.data) for segment in read_image(file.path).segments]
            else:
                pieces.append((file.address, file.path.read_bytes()))
        return pieces

    def _checked(self, answer: DeviceNetwork, network: CompiledNetwork) -> DeviceNetwork:
        """The answer. Raises DeviceError, ConfigError: it is not of this network, or not of what was generated."""
        if answer.sha256 != self._generated.sha256:
            raise DeviceError(
                f"The firmware on {self.board.spec.name} was not built from {self._generated.folder} as it is now.",
                remedy="Build it again, or leave --pose-firmware out.",
            )
        expected = ((1, *network.description.input_shape), network.description.input_dtype)
        if given_as(network.description, answer.input_shape, answer.input_dtype) is None:
            raise DeviceError(
                f"The network on {self.board.spec.name} takes {answer.input_dtype} {list(answer.input_shape)}, the "
                f".tflite takes {expected[1]} {list(expected[0])}.",
                remedy=_REGENERATE,
            )
        self._check_decoder(answer, network)
        return answer

    def _check_decoder(self, answer: DeviceNetwork, network: CompiledNetwork) -> None:
        """Such a firmware takes the family from its outputs' shapes until it is told more. Raises ConfigError: it is
        another one, and an older firmware cannot be told."""
        description = network.description
        if network.own_family is not None or description.family == NO_FAMILY:
            return
        wanted = pack_decoding(*meaning_of_description(description))
        if answer.decoding == wanted:
            return
        if answer.decoding:
            self.client.set_decoding(wanted)
            self._decoding = wanted
        elif (description.family, description.keypoints) != (answer.family, answer.keypoints) or (
            description.decoding_text
        ):
            raise ConfigError(
                f"The firmware with {description.name} linked in decodes its outputs as {answer.family} of "
                f"{answer.keypoints} keypoints, not as {description.family} of {description.keypoints}.",
                remedy=f"Compare the output tensors only: --pose-family={NO_FAMILY}.",
            )

    def _as_taken(self, description: NetworkDescription) -> NetworkDescription:
        """With the input's type and order that the generated code has."""
        taken = given_as(description, self._answer.input_shape, self._answer.input_dtype)
        assert taken is not None, "checked when it was loaded"
        return taken

    def complete(self, device: Device) -> Device:
        """Figures are the device's own, and ST's report where the device cannot know."""
        network = device.network
        info, on_npu = self._generated.c_info, self._generated.api == "aton"
        model = _model(self._answer, self._generated)
        told = replace(
            self._as_taken(network.description),
            activation_bytes=model.activation_bytes,
            weights_bytes=model.weights_bytes,
            macc=model.macc or network.description.macc,
            network_image_bytes=0,
        )
        return replace(
            device,
            model=model,
            network=replace(network, description=told),
            budgets=footprint_budgets(info, on_npu=on_npu, weights_linked=not self._data()) if info else (),
        )


def _outputs(network: CompiledNetwork) -> tuple[_Output, ...]:
    graph = network.graph
    outputs = []
    for index in graph.outputs:
        tensor = graph.tensors[index]
        writer = next((op for op in graph.ops if index in op.outputs), None)
        outputs.append(
            _Output(index, tensor.shape, tensor.dtype, writer.index if writer else -1, writer.name if writer else "")
        )
    return tuple(outputs)


def _model(answer: DeviceNetwork, generated: GeneratedNetwork) -> DeviceModel:
    """What is known of the network: by the firmware, and by ST's report where the firmware cannot know."""
    info = generated.c_info
    activations = answer.arena_bytes
    if generated.api == "aton":  # they lie where the memory pools put them
        activations = (info.activations_bytes or 0) + (info.io_bytes or 0) if info else 0
    return DeviceModel(
        protocol="pose runner",
        name=answer.name,
        signature=answer.sha256,
        compiled="",
        runtime=f"{generated.backend} ({generated.api})",
        tool_version=info.tool_version if info else "",
        macc=answer.macc or (info.macc if info else 0) or 0,
        nodes=answer.op_count,
        activation_bytes=activations,
        weights_bytes=answer.image_bytes or (info.weights_bytes if info else 0) or 0,
        limits=LIMITS,
    )


def footprint_budgets(info: CInfo, *, on_npu: bool, weights_linked: bool) -> tuple[Budget, ...]:
    """ST's footprints as limits, of what the device tells by itself. What the report does not know is no limit.

    Args:
        info: ST's report.
        on_npu: activations lie in memory pools: the device cannot tell what it uses of them.
        weights_linked: they are part of the firmware.
    """
    origin = info.path.name

    def kib(bytes_: int) -> float:
        return float(math.ceil(bytes_ / _KIB))  # buffers are aligned to 32 bytes

    budgets = []
    if info.activations_bytes is not None and info.io_bytes is not None and not on_npu:
        budgets.append(Budget("activation_kib_max", kib(info.activations_bytes + info.io_bytes), origin))
    if info.weights_bytes:
        budgets.append(Budget("weights_kib_max", kib(info.weights_bytes), origin))
    weights = info.weights_bytes if weights_linked else 0
    if info.kernel_flash_bytes and weights is not None:
        linked = info.kernel_flash_bytes + weights
        origin = f"{origin} and {RUNNER_FLASH_KIB} KiB for the pose runner"
        budgets.append(Budget("firmware_flash_kib_max", kib(linked) + RUNNER_FLASH_KIB, origin))
    return tuple(budgets)
