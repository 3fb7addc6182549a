"""Whether a device answers the same when it is asked again: the timed runs of a picture are compared with its first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pytest_stm32pose.golden.base import GoldenAnswer, GoldenIdentity
from pytest_stm32pose.measure.device import Device
from pytest_stm32pose.measure.divergence import same_answer
from pytest_stm32pose.measure.picture import measure
from pytest_stm32pose.protocol.messages import InferOption
from pytest_stm32pose.record.plain import image_entry
from pytest_stm32pose.types import InferResult, NetworkDescription, Picture, TensorData

KEYPOINTS = np.full((1, 13, 3), 0.5, np.float32)
OUTPUT = TensorData(7, 3, "LOGISTIC", np.arange(20, dtype=np.int8).reshape(1, 4, 5))
ANSWER = InferResult(KEYPOINTS, (OUTPUT,), ticks=1000, scores=np.array([0.9], np.float32))


def changed(array: np.ndarray) -> np.ndarray:
    """One LSB, in one place."""
    data = array.copy()
    data.flat[0] = np.nextafter(data.flat[0], np.float32(1)) if data.dtype == np.float32 else data.flat[0] + 1
    return data


OTHER = [
    replace(ANSWER, outputs=(replace(OUTPUT, data=changed(OUTPUT.data)),)),
    replace(ANSWER, outputs=(), keypoints_norm=changed(KEYPOINTS)),
    replace(ANSWER, outputs=(), scores=changed(np.array([0.9], np.float32))),
    replace(ANSWER, outputs=(), keypoints_norm=np.empty((0, 13, 3), np.float32), scores=np.empty(0, np.float32)),
]


def test_answers_are_the_same_to_the_last_bit() -> None:
    assert same_answer(ANSWER, ANSWER)
    assert same_answer(ANSWER, replace(ANSWER, outputs=(), ticks=5)), "what was not asked for is no difference"


@pytest.mark.parametrize("other", OTHER, ids=["tensor", "keypoints", "scores", "persons"])
def test_any_difference_is_one(other: InferResult) -> None:
    assert not same_answer(ANSWER, other)


class Runner:
    """Gives the answers one after the other; what was not asked for is left out."""

    own_client = None
    times_first_run = True

    def __init__(self, answers: list[InferResult]) -> None:
        self.answers = answers
        self.asked: list[InferOption] = []

    def upload(self, slot: int, data: bytes) -> None: ...

    def start_infer(
        self, slot: int, input_crc32: int, input_bytes: int, options: InferOption, wanted: Sequence[int] = ()
    ) -> None:
        self.asked.append(options)

    def finish_infer(self, timeout_s: float = 60.0) -> InferResult:
        answer = self.answers[len(self.asked) - 1]
        return answer if self.asked[-1] & InferOption.OUTPUTS else replace(answer, outputs=())

    def memory(self) -> None: ...

    def abandon(self) -> None: ...


def measured(*answers: InferResult) -> tuple[Any, list[InferOption]]:
    """One picture, run once and then timed for each further answer; what the record keeps of it."""
    description = NetworkDescription("net", "0" * 64, "heatmap", 13, (8, 8, 3), "uint8", 1, 1, 1, 1)
    spec = SimpleNamespace(name="bench", icount_ns=0, clock_hz=1, is_twin=False, slowness=1.0)
    runner = Runner(list(answers))
    network: Any = SimpleNamespace(description=description, own_family=None)
    device = Device(SimpleNamespace(spec=spec), runner, network, tick_hz=1, capabilities=0)
    reference = GoldenAnswer(ANSWER, 0, (), GoldenIdentity("e", "1", "r"), "live")
    golden: Any = SimpleNamespace(answer=lambda picture, tensor: replace(reference, input_crc32=0))
    picture = Picture("p", "p.png", "0" * 64, np.zeros((8, 8, 3), np.uint8))
    result = measure(device, golden, picture, repeat=max(1, len(answers) - 1), profile=False)
    return image_entry(result), runner.asked


def test_one_run_measures_nothing() -> None:
    entry, asked = measured(ANSWER)
    assert entry.deterministic is None
    assert len(asked) == 1


def test_the_same_answer_every_time() -> None:
    entry, asked = measured(ANSWER, ANSWER, ANSWER)
    assert entry.deterministic is True
    carried = [bool(options & InferOption.OUTPUTS) for options in asked]
    assert carried == [True, False, True], "the last timed run carries the tensors: keypoints alone hide a difference"


@pytest.mark.parametrize("other", OTHER, ids=["tensor", "keypoints", "scores", "persons"])
def test_another_answer_to_the_same_input(other: InferResult) -> None:
    assert measured(ANSWER, ANSWER, other)[0].deterministic is False
    if not other.outputs:
        assert measured(ANSWER, other, ANSWER)[0].deterministic is False
