"""The one exception tree, by fault location. Third-party exceptions are translated at one boundary (`raise ... from`).

The verdict follows the location: what the rig could not do (probe, transport, golden missing) is *blocked*; what the
device or the model got wrong is *failed*; what the user asked for and cannot be is a usage error.
"""

from __future__ import annotations

from collections.abc import Iterable


class PoseError(Exception):
    """Base of all errors of this package.

    Args:
        message: what is wrong, naming the thing and the place, one sentence.
        remedy: what the user can do about it, one sentence (may be empty).
    """

    verdict = "blocked"

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message if not remedy else f"{message} {remedy}")
        self.message = message
        self.remedy = remedy


class ConfigError(PoseError):
    """The user's request cannot be met: unknown board, bad option, missing file, missing tool."""

    verdict = "usage"


class ModelError(ConfigError):
    """The .tflite is truncated, malformed, or holds an operator or type that is not supported."""


class ImageError(ConfigError):
    """A picture or an annotation file is unreadable or wrong."""


class ProbeError(PoseError):
    """The debug probe, the target behind it, or the emulator: absent, disconnected, silent, refusing."""


class FlashError(ProbeError):
    """Programming or its verification failed."""


class TransportError(PoseError):
    """The byte link (serial, mailbox) is closed, dead or timed out."""


class TransportTimeout(TransportError):
    """Nothing arrived before the deadline."""


class ProtocolError(PoseError):
    """Bytes arrived that are not a valid answer: bad CRC, length, version, nonce or type."""


class DeviceError(PoseError):
    """The device answered with an error status, or crashed.

    Args:
        status: positive status code of the answer (firmware/PROTOCOL.md), 0 when there was none.
    """

    verdict = "failed"

    def __init__(self, message: str, *, remedy: str = "", status: int = 0) -> None:
        super().__init__(message, remedy=remedy)
        self.status = status


class DecoderError(PoseError):
    """The decoder of a user's own family raised, or returned what are no keypoints."""

    verdict = "failed"


class GoldenError(PoseError):
    """The golden reference is missing, stale, or its engine cannot run."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """ "Did you mean x? " for a name that is nearly a known one, else ""."""
    import difflib

    close = difflib.get_close_matches(name, list(known), n=1)
    return f"Did you mean {close[0]}? " if close else ""
