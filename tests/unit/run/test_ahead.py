"""The next picture is made ready once, for whoever takes it as it is; what is wrong with it waits for its turn."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pytest_stm32pose.errors import DeviceError, TransportTimeout
from pytest_stm32pose.measure.device import Device
from pytest_stm32pose.measure.slots import Slots
from pytest_stm32pose.models.zoo import default_model, default_pictures
from pytest_stm32pose.network.compile import compile_model
from pytest_stm32pose.pictures.files import PictureSequence, load_pictures
from pytest_stm32pose.preprocessing import Preprocessing
from pytest_stm32pose.protocol.messages import Capability, Status
from pytest_stm32pose.run.ahead import Ahead
from pytest_stm32pose.run.seen import PictureNames, fingerprint

NETWORK = compile_model(default_model())
PICTURES = load_pictures(default_pictures(), 3)


class Runner:
    """Notes uploads; refuses them when told to."""

    own_client, times_first_run = None, False

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.uploads: list[tuple[int, bytes]] = []

    def upload(self, slot: int, data: bytes) -> None:
        if self.error is not None:
            raise self.error
        self.uploads.append((slot, data))


def device_of(runner: Runner, slots: int = 2, capabilities: int = Capability.UPLOAD_WHILE_RUNNING) -> Device:
    board: Any = SimpleNamespace(spec=SimpleNamespace(name="bench"))
    return Device(board, runner, NETWORK, 1, Slots(slots), capabilities=capabilities)  # type: ignore[arg-type]


def ahead_of(pictures: PictureSequence = PICTURES, *, is_on: bool = True) -> Ahead:
    return Ahead(lambda: pictures, PictureNames(lambda name: pytest.fail("decoded again")), is_on=is_on)


def nothing(name: str) -> bool:
    return False


def test_it_is_decoded_and_uploaded_once() -> None:
    ahead, runner = ahead_of(), Runner()
    device = device_of(runner)
    ahead.expect(1)
    work = ahead.work(device, nothing)
    assert work is not None
    work()
    expected = device.input_tensor(PICTURES[1])[0]
    assert runner.uploads == [(0, expected.tobytes())]
    work()
    assert len(runner.uploads) == 1, "it is there"
    picture = ahead.picture(1)
    made = ahead.input_of(device, picture, fingerprint(picture))
    assert made is ahead.input_of(device, picture, fingerprint(picture)), "as it was made ready"
    assert np.array_equal(made[0], expected)
    assert ahead.picture(1) is not picture, "a test may have written into that one"


def test_what_a_test_made_of_its_picture_is_brought_to_the_input_anew() -> None:
    ahead, device = ahead_of(), device_of(Runner())
    ahead.expect(1)
    work = ahead.work(device, nothing)
    assert work is not None
    work()
    picture = ahead.picture(1)
    picture = replace(picture, pixels=255 - picture.pixels)
    made, _ = ahead.input_of(device, picture, fingerprint(picture))
    assert np.array_equal(made, device.input_tensor(picture)[0])
    assert not np.array_equal(made, device.input_tensor(PICTURES[1])[0])


def test_what_was_made_ready_is_for_a_device_that_takes_pictures_the_same_way() -> None:
    ahead, device = ahead_of(), device_of(Runner())
    other = replace(device, preprocessing=Preprocessing(mode="letterbox"))
    ahead.expect(1)
    work = ahead.work(other, nothing)
    assert work is not None
    work()
    picture = ahead.picture(1)
    made, _ = ahead.input_of(device, picture, fingerprint(picture))
    assert np.array_equal(made, device.input_tensor(picture)[0])
    assert not np.array_equal(made, other.input_tensor(picture)[0]), "this picture shows the difference"


def test_nothing_is_done_for_what_nobody_expects_or_has_measured_or_wants() -> None:
    device = device_of(Runner())
    ahead = ahead_of()
    assert ahead.work(device, nothing) is None
    ahead.expect(2)
    assert ahead.work(device, {PICTURES.ids[2]}.__contains__) is None
    assert ahead.work(device_of(Runner(), slots=1), nothing) is None
    assert ahead.work(device_of(Runner(), capabilities=0), nothing) is None
    assert ahead.work(device, nothing) is not None
    assert ahead.expect(None) == 2
    off = ahead_of(is_on=False)
    off.expect(2)
    assert off.work(device, nothing) is None


def test_a_refused_upload_waits_for_its_turn_and_a_dead_link_is_the_running_pictures() -> None:
    ahead = ahead_of()
    ahead.expect(1)
    refused = ahead.work(device_of(Runner(DeviceError("busy", status=Status.BUSY))), nothing)
    dead = ahead.work(device_of(Runner(TransportTimeout("nothing came"))), nothing)
    assert refused is not None and dead is not None
    refused()
    with pytest.raises(TransportTimeout):
        dead()
