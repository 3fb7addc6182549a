"""The picture that is measured next, made ready while the device still runs the one before.

Decoded, brought to the network's input and uploaded to the slot that does not run: then a picture costs what takes
longest, and not the sum. Whoever knows the order says what comes (`expect`); nothing is made ready on a guess. What
goes wrong with the next picture is told when it is that picture's turn, not in the test of another one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from pytest_stm32pose.errors import DeviceError, PoseError
from pytest_stm32pose.measure.device import Device
from pytest_stm32pose.pictures.files import PictureSequence
from pytest_stm32pose.pictures.mapping import Mapping
from pytest_stm32pose.run.seen import PictureNames
from pytest_stm32pose.types import Picture

Input = tuple[NDArray[Any], Mapping]
#: Instead of its number: a picture that a test has, which may have written into its pixels.
GIVEN = -1


@dataclass(frozen=True)
class _Ready:
    """A picture of the run by its number; `content` as PictureNames knows it, and its input on one device."""

    number: int
    picture: Picture
    content: str
    device: Device | None = None
    input: Input | None = None


class Ahead:
    """What comes next in this process.

    Args:
        pictures: the run's.
        names: told what is in a picture that was decoded, so that nobody decodes it a second time to know.
        is_on: the user wants uploads during inference (--pose-overlap).
    """

    def __init__(self, pictures: Callable[[], PictureSequence], names: PictureNames, *, is_on: bool) -> None:
        self._pictures, self._names, self._is_on = pictures, names, is_on
        self._number: int | None = None
        self._ready: _Ready | None = None

    def expect(self, number: int | None) -> int | None:
        """The run's picture that will be measured next, on the same board and network; None: nobody knows.

        Returns:
            What was expected before.
        """
        before, self._number = self._number, number
        return before

    def picture(self, number: int) -> Picture:
        """One of the run's pictures, decoded, or as it was made ready. Raises ImageError: it cannot be decoded."""
        ready = self._ready
        if ready is None or ready.number != number:
            ready = self._decoded(number)
        self._ready = replace(ready, number=GIVEN)
        return ready.picture

    def input_of(self, device: Device, picture: Picture, content: str) -> Input:
        """The network's input for a picture, as Device.input_tensor, or as it was made ready."""
        ready = self._ready
        if ready is None or ready.input is None or ready.device is None or ready.content != content:
            return device.input_tensor(picture)
        is_same = ready.device.network is device.network and ready.device.preprocessing == device.preprocessing
        return ready.input if is_same else device.input_tensor(picture)

    def work(self, device: Device, measured: Callable[[str], bool]) -> Callable[[], None] | None:
        """What is to be done for the next picture while the device runs; None: nothing.

        Args:
            measured: whether the run has a picture of this name already.
        """
        number = self._number
        if number is None or not self._is_on or not device.takes_uploads_while_running:
            return None
        if measured(self._pictures().ids[number]):
            return None
        return lambda: self._prepare(device, number)

    def _prepare(self, device: Device, number: int) -> None:
        try:
            ready = self._decoded(number)
            tensor = device.input_tensor(ready.picture)
        except PoseError:
            return  # its own test decodes it again, and says so
        self._ready = _Ready(number, ready.picture, ready.content, device, tensor)
        try:
            device.upload_ahead(tensor[0])
        except DeviceError:
            return  # a device that refuses it now is asked again in its turn

    def _decoded(self, number: int) -> _Ready:
        picture = self._pictures()[number]
        return _Ready(number, picture, self._names.own(picture))
