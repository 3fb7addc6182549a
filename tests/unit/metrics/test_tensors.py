"""Tensor differences: counts, LSB, cosine."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pytest_stm32pose.metrics.tensors import MAX_CELLS, MAX_CHANNELS, cosine, difference, difference_map

BYTES = hnp.arrays(np.int8, st.integers(1, 60), elements=st.integers(-128, 127))


@given(st.data(), st.sampled_from([np.int8, np.uint8, np.int16, np.int32, np.int64]))
def test_integers_against_python(data: st.DataObject, dtype: type) -> None:
    info = np.iinfo(dtype)
    elements = st.integers(int(info.min), int(info.max))
    golden = data.draw(st.lists(elements, min_size=1, max_size=20))
    device = [data.draw(st.one_of(st.just(value), elements)) for value in golden]
    found = difference(np.array(golden, dtype), np.array(device, dtype))
    gaps = [abs(a - b) for a, b in zip(golden, device, strict=True)]
    assert found.elements == len(golden)
    assert found.differing == sum(gap > 0 for gap in gaps)
    assert found.max_lsb == max(gaps)
    assert found.first == next((index for index, gap in enumerate(gaps) if gap), None)
    assert found.equal == (golden == device)


@given(BYTES, BYTES, st.floats(1e-3, 10))
def test_dequantised_floats_count_in_steps(first: np.ndarray, second: np.ndarray, scale: float) -> None:
    size = min(len(first), len(second))
    first, second = first[:size], second[:size]
    step = np.float32(scale)
    in_steps = difference(first.astype(np.float32) * step, second.astype(np.float32) * step, float(step))
    assert in_steps.max_lsb == difference(first, second).max_lsb
    assert in_steps.differing == difference(first, second).differing


def test_floats_without_a_step_have_no_lsb() -> None:
    golden = np.array([1.0, 2.0], np.float32)
    found = difference(golden, golden + np.float32(0.5))
    assert (found.differing, found.max_lsb) == (2, None)
    assert "0.5" in found.detail


def test_less_than_half_a_step_is_still_a_difference() -> None:
    golden = np.array([1.0], np.float32)
    assert difference(golden, np.nextafter(golden, np.float32(2)), 0.25).max_lsb == 1


def test_nan_and_zero_signs() -> None:
    golden = np.array([np.nan, 0.0, 1.0], np.float32)
    assert difference(golden, np.array([np.nan, -0.0, 1.0], np.float32)).equal
    found = difference(golden, np.array([0.0, 0.0, np.inf], np.float32), 0.5)
    assert (found.differing, found.max_lsb, found.cosine) == (2, None, None)
    assert "NaN" in found.detail


def test_other_shape_or_type_differs_everywhere() -> None:
    golden = np.zeros((2, 3), np.int8)
    for device in (np.zeros((3, 2), np.int8), np.zeros((2, 3), np.uint8), np.zeros(0, np.int8)):
        found = difference(golden, device)
        assert (found.differing, found.max_lsb) == (6, None)
        assert "golden is int8 [2, 3]" in found.detail
        assert found.is_nonsense


def test_nonsense_is_no_matter_of_lsb() -> None:
    golden = np.array([1.0, 2.0, 3.0], np.float32)
    assert not difference(golden, golden + 1, 0.5).is_nonsense
    for value in (np.nan, np.inf):
        device = golden.copy()
        device[1] = value
        found = difference(golden, device, 0.5)
        assert found.is_nonsense
        assert found.max_lsb is None


def test_empty_and_bool_tensors() -> None:
    assert difference(np.zeros(0, np.int8), np.zeros(0, np.int8)).equal
    assert difference(np.array([True, False]), np.array([True, True])).max_lsb == 1


def test_cosine() -> None:
    assert cosine(np.array([1, 0]), np.array([0, 1])) == 0.0
    assert cosine(np.array([3, 4]), np.array([-3, -4])) == pytest.approx(-1.0)
    assert cosine(np.array([0, 0]), np.array([1, 1])) is None
    random = np.random.default_rng(1)
    a, b = random.normal(size=1000), random.normal(size=1000)
    assert cosine(a, b) == pytest.approx(float(np.corrcoef(a - a.mean(), b - b.mean())[0, 1]), abs=0.01)
    assert cosine(a, b) == pytest.approx(float(np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b)), abs=1e-12)


@given(st.data(), st.integers(1, 3), st.integers(1, 120), st.integers(1, 120), st.integers(1, 12))
def test_the_map_counts_every_difference_where_it_is(
    data: st.DataObject, batch: int, height: int, width: int, channels: int
) -> None:
    golden = np.zeros((batch, height, width, channels), np.int8)
    device = golden.copy()
    places = st.tuples(*(st.integers(0, size - 1) for size in golden.shape))
    changed = data.draw(st.sets(places, max_size=10))
    for place in changed:
        device[place] = 1
    found = difference_map(golden, device)
    assert found is not None
    assert (found.height, found.width) == (height, width)
    rows, columns = -(-height // MAX_CELLS), -(-width // MAX_CELLS)
    assert found.counts.shape == (-(-height // rows), -(-width // columns))
    assert max(found.counts.shape) <= MAX_CELLS
    expected = np.zeros(found.counts.shape, int)
    for _, y, x, _ in changed:
        expected[y // rows, x // columns] += 1
    assert (found.counts == expected).all()
    per_channel = {c: sum(place[3] == c for place in changed) for c in {place[3] for place in changed}}
    assert dict(found.channels) == dict(
        sorted(per_channel.items(), key=lambda each: (-each[1], each[0]))[:MAX_CHANNELS]
    )
    counts = [count for _, count in found.channels]
    assert counts == sorted(counts, reverse=True)


def test_maps_of_rows_and_of_nothing() -> None:
    golden = np.zeros((1, 5, 7), np.float32)
    device = golden.copy()
    device[0, 2, 3] = 1
    golden[0, 4, 6] = device[0, 4, 6] = np.nan
    found = difference_map(golden, device)
    assert found is not None
    assert (int(found.counts.sum()), int(found.counts[2, 3]), found.channels) == (1, 1, ())
    assert difference_map(golden, device[..., :3]) is None
    assert difference_map(np.zeros(4), np.ones(4)) is None
    assert difference_map(np.zeros((0, 4)), np.zeros((0, 4))) is None
