"""A family of one's own: a decoder in Python that the user gives (docs/families.md).

The device runs the network and sends its output tensors; the host decodes the device's and the golden's. A decoder is
code of the user's: what it raises or returns is told in one sentence that names its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ConfigError, DecoderError
from pytest_stm32pose.families.fingerprint import fingerprint, place_of_error
from pytest_stm32pose.families.reading import MAX_NORMALISED
from pytest_stm32pose.types import Skeleton

#: As many as end-to-end detectors give; more is a decoder without a threshold.
MAX_PERSONS = 300
MAX_KEYPOINTS = 1024
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Output:
    """One output tensor of one inference.

    Attributes:
        data: as the network computed it, read-only.
        scale, zero_point: real value = scale * (data - zero_point); scale 0: not quantised (or not by one scale).
        name: of the tensor in the .tflite.
    """

    data: NDArray[Any]
    scale: float = 0.0
    zero_point: int = 0
    name: str = ""

    def __post_init__(self) -> None:
        view = self.data.view()
        view.flags.writeable = False  # what is compared afterwards is what was computed
        object.__setattr__(self, "data", view)

    @property
    def real(self) -> Floats:
        """float32 values, dequantised as TFLite's DEQUANTIZE does."""
        if self.scale <= 0 or self.data.dtype.kind == "f":
            return self.data.astype(np.float32)
        return (self.data.astype(np.int32) - np.int32(self.zero_point)).astype(np.float32) * np.float32(self.scale)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.data.shape)


class Outputs(tuple[Output, ...]):
    """The output tensors in the .tflite's order, and the size of the input that they were computed from."""

    height: int  #: of the network's input, pixels
    width: int

    def __new__(cls, outputs: Iterable[Output], height: int, width: int) -> Outputs:
        made = super().__new__(cls, outputs)
        made.height, made.width = height, width
        return made


@dataclass(frozen=True)
class PoseFamily:
    """A network family of the user's.

    Attributes:
        name: what --pose-family names, and the record.
        keypoints: of a person; 0: as --pose-keypoints says.
        decode: Outputs -> [persons, K, 3] x, y in 0..1 of the network's input, score; or that and [persons] scores.
        version: of the decoder; "": a hash of its source stands for it. Goldens of another one are not used.
        skeleton: which keypoints they are; None: as labels and number say.
    """

    name: str
    keypoints: int
    decode: Callable[[Outputs], object]
    version: str = ""
    skeleton: Skeleton | None = None

    @property
    def identity(self) -> str:
        """Its name, with its version or the hash of its source: what makes two decoders the same."""
        return f"{self.name} {self.version or fingerprint(self.decode)}"

    def decoded(self, outputs: Outputs, keypoints: int, *, of_device: bool = False) -> tuple[Floats, Floats | None]:
        """Keypoints float32 [persons, K, 3], and [persons] scores where the decoder gives them, descending.

        Args:
            outputs: of one inference.
            keypoints: K.
            of_device: numbers that are none are left to the comparison, since a device may give nonsense.

        Raises:
            DecoderError: the decoder raised, or returned something else; says where and for which outputs.
        """
        try:
            with np.errstate(all="ignore"):
                answer = self.decode(outputs)
        except Exception as error:  # of the user's code: any
            raise self._wrong(
                outputs, f"raised {type(error).__name__}: {_line(error)} ({place_of_error(error, self.decode)})"
            ) from error
        persons, scores = answer if isinstance(answer, tuple) and len(answer) == 2 else (answer, None)
        found = self._array(outputs, persons, "keypoints")
        self._check(outputs, found, keypoints, strict=not of_device)
        if scores is None:
            return found, None
        rated = self._array(outputs, scores, "scores")
        if rated.shape != (len(found),):
            raise self._wrong(
                outputs, f"returned scores {list(rated.shape)} for {len(found)} persons, where [{len(found)}] is wanted"
            )
        if not of_device and not np.isfinite(rated).all():
            raise self._wrong(outputs, f"returned the score {rated[~np.isfinite(rated)][0]}, which is no number")
        order = np.argsort(-rated, kind="stable")
        return found[order], rated[order]

    def _array(self, outputs: Outputs, values: object, what: str) -> Floats:
        try:
            array = np.asarray(values)
            if array.dtype.kind not in "fiub":
                raise TypeError(f"an array of type {array.dtype}")
            with np.errstate(over="ignore"):
                return np.ascontiguousarray(array, dtype=np.float32)
        except (TypeError, ValueError):
            kind = type(values).__name__
            raise self._wrong(outputs, f"returned {what} that are no array of numbers ({kind})") from None

    def _check(self, outputs: Outputs, found: Floats, keypoints: int, *, strict: bool) -> None:
        shape = list(found.shape)
        if found.ndim != 3 or shape[1:] != [keypoints, 3]:
            raise self._wrong(
                outputs, f"returned keypoints {shape}, where [persons, {keypoints}, 3] is wanted (x, y, score)"
            )
        if len(found) > MAX_PERSONS:
            raise self._wrong(outputs, f"returned {len(found)} persons; up to {MAX_PERSONS} are taken")
        if not strict:
            return
        wrong = np.argwhere(~np.isfinite(found))
        if len(wrong):
            person, keypoint, column = (int(each) for each in wrong[0])
            what = ("x", "y", "score")[column]
            raise self._wrong(
                outputs,
                f"returned {found[person, keypoint, column]} as {what} of keypoint {keypoint} of person {person}",
            )
        far = float(np.abs(found[..., :2]).max(initial=0.0))
        if far > MAX_NORMALISED:
            raise self._wrong(
                outputs,
                f"returned coordinates up to {far:.4g}, where 0 to 1 of the network's input are wanted (pixels are to "
                "be divided by outputs.width and outputs.height)",
            )

    def _wrong(self, outputs: Sequence[Output], what: str) -> DecoderError:
        shown = ", ".join(f"{each.data.dtype} {list(each.data.shape)}" for each in outputs) or "none"
        return DecoderError(
            f"The decoder of family {self.name} {what}; the network's outputs are {shown}.",
            remedy="Correct the decoder (docs/families.md).",
        )


def as_family(given: object, origin: str, known: Sequence[str], name: str | None = None) -> PoseFamily:
    """What a user gave as a family, checked: a PoseFamily, an object with the same attributes, or what makes one.

    Args:
        origin: where it comes from, for messages.
        known: names of the built-in families, which are taken.
        name: of the entry point, for an object without one.

    Raises:
        ConfigError: it is none; says what it lacks.
    """
    made = _made(given, origin)
    remedy = 'Return PoseFamily("name", keypoints=K, decode=function) (docs/families.md).'
    decode = getattr(made, "decode", None)
    if not callable(decode):
        raise ConfigError(f"{origin} is no family: {type(made).__name__} has no function `decode`.", remedy=remedy)
    called = getattr(made, "name", None) or name
    if not isinstance(called, str) or not _NAME.fullmatch(called):
        raise ConfigError(f"{origin}: {called!r:.60} is no name of a family.", remedy="Letters, digits, _ . and - do.")
    if called in known:
        raise ConfigError(f"{origin}: {called} is the name of a built-in family.", remedy="Give yours another name.")
    keypoints, version = getattr(made, "keypoints", 0), getattr(made, "version", "")
    if type(keypoints) is not int or not 0 <= keypoints <= MAX_KEYPOINTS:
        raise ConfigError(
            f"{origin}: {keypoints!r:.60} is no number of keypoints.", remedy=f"1 to {MAX_KEYPOINTS} are taken."
        )
    if not isinstance(version, str) or not version.isprintable():
        raise ConfigError(f"{origin}: its version is {version!r:.60}, not a text.")
    skeleton = getattr(made, "skeleton", None)
    if skeleton is not None and not isinstance(skeleton, Skeleton):
        raise ConfigError(
            f"{origin}: its skeleton is no keypoint set.", remedy="built_in() and parse_table() make one."
        )
    if skeleton is not None and keypoints and len(skeleton.names) != keypoints:
        raise ConfigError(f"{origin} has {keypoints} keypoints, and its skeleton {len(skeleton.names)}.")
    return PoseFamily(called, keypoints or (len(skeleton.names) if skeleton else 0), decode, version, skeleton)


def _made(given: object, origin: str) -> object:
    """A class or a function is called for the family that it makes."""
    if hasattr(given, "decode") and not isinstance(given, type):
        return given
    if not callable(given):
        return given
    try:
        return given()
    except Exception as error:  # of the user's code: any
        raise ConfigError(
            f"{origin} raised {type(error).__name__}: {_line(error)} ({place_of_error(error)}).",
            remedy="It is called without arguments for the family that it makes.",
        ) from error


def _line(error: BaseException) -> str:
    """The first line of what an exception says."""
    text = " ".join(str(error).split())
    return (text[:200] + "...") if len(text) > 200 else text or "nothing"
