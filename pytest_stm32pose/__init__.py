"""pytest-stm32pose: hardware-in-the-loop tests of pose-estimation networks on STM32 boards, real or emulated.

What tests name in annotations and `except` stands here; what costs more than an error is imported when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_stm32pose.errors import (
    ConfigError,
    DecoderError,
    DeviceError,
    FlashError,
    GoldenError,
    ImageError,
    ModelError,
    PoseError,
    ProbeError,
    ProtocolError,
    TransportError,
)

if TYPE_CHECKING:
    from pytest_stm32pose.bench.session import BoardSession
    from pytest_stm32pose.families.own import Output, Outputs, PoseFamily
    from pytest_stm32pose.golden.store import GoldenStore
    from pytest_stm32pose.measure.device import Device
    from pytest_stm32pose.measure.result import PictureResult
    from pytest_stm32pose.run.session import PoseRun
    from pytest_stm32pose.types import Picture, Skeleton, Truth

__version__ = "0.1.0"

__all__ = [
    "BoardSession",
    "ConfigError",
    "DecoderError",
    "Device",
    "DeviceError",
    "FlashError",
    "GoldenError",
    "GoldenStore",
    "ImageError",
    "ModelError",
    "Output",
    "Outputs",
    "Picture",
    "PictureResult",
    "PoseError",
    "PoseFamily",
    "PoseRun",
    "ProbeError",
    "ProtocolError",
    "Skeleton",
    "TransportError",
    "Truth",
    "__version__",
]

#: Name -> the module that has it.
_LATER = {
    "BoardSession": "bench.session",
    "Device": "measure.device",
    "GoldenStore": "golden.store",
    "Output": "families.own",
    "Outputs": "families.own",
    "Picture": "types",
    "PictureResult": "measure.result",
    "PoseFamily": "families.own",
    "PoseRun": "run.session",
    "Skeleton": "types",
    "Truth": "types",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
