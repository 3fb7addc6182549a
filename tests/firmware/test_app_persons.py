"""Several persons from the firmware to the host: PERSONS parts on both links, float32 and int8 outputs."""

from __future__ import annotations

import zlib
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from pytest_stm32pose.errors import DeviceError
from pytest_stm32pose.families import Meaning
from pytest_stm32pose.golden.engine import GoldenEngine
from pytest_stm32pose.network.compile import compile_bytes
from pytest_stm32pose.protocol.client import PoseClient
from tests.firmware.host_device import mailbox_transport, running, serial_transport
from tests.firmware.tiny_families import Output, tiny_network
from tests.firmware.tiny_yolo import crowd, tiny_yolo

TIMEOUT_S = 60.0


@pytest.mark.parametrize(
    ("keypoints", "anchors", "int8_output", "persons"),
    [(17, 900, False, 100), (17, 900, True, 100), (3, 600, False, 100), (40, 600, False, 42)],
)
def test_persons_of_the_device_are_those_of_the_golden(
    keypoints: int, anchors: int, int8_output: bool, persons: int, tmp_path: Path
) -> None:
    model = tiny_yolo(keypoints, anchors, int8_output=int8_output)
    (tmp_path / "yolo.tflite").write_bytes(model)
    network = compile_bytes(model, "yolo", meaning=Meaning("yolo", keypoints))
    assert (network.description.family, network.description.keypoints) == ("yolo", keypoints)
    pictures = [crowd(keypoints, anchors), crowd(keypoints, anchors, 1), np.zeros_like(crowd(keypoints, anchors))]
    engine = GoldenEngine(tmp_path / "yolo.tflite", Meaning("yolo", keypoints))
    with running(network.image) as device:
        for make in (serial_transport, mailbox_transport):
            with closing(make(device)) as link:
                link.open(TIMEOUT_S)
                client = PoseClient(link)
                client.hello()
                found = [ask(client, picture) for picture in pictures]
            for (rows, scores), picture in zip(found, pictures, strict=True):
                golden = engine.run(picture)
                assert golden.keypoints_norm is not None
                assert golden.scores is not None
                assert rows.shape == golden.keypoints_norm.shape
                assert rows.tobytes() == golden.keypoints_norm.tobytes()
                assert scores.tobytes() == golden.scores.tobytes()
                assert (np.diff(scores) <= 0).all()
            assert [len(rows) for rows, _ in found] == [persons, persons, 0]


def ask(client: PoseClient, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    data = picture.tobytes()
    client.upload(0, data)
    result = client.infer(0, zlib.crc32(data), len(data), outputs=True)
    assert result.keypoints_norm is not None
    assert result.scores is not None
    nothing = client.infer(0, zlib.crc32(data), len(data), keypoints=False)
    assert (nothing.keypoints_norm, nothing.scores) == (None, None)
    return result.keypoints_norm, result.scores


def test_a_person_who_is_larger_than_a_message_is_refused_not_kept_silent() -> None:
    """The host looks before it asks (boards/fit.py); one that does not is told, and the mailbox has room."""
    keypoints, size = 700, (20, 20)
    model = tiny_network(size, [Output(0, (1, 1, 1, keypoints))])
    network = compile_bytes(model, "many", meaning=Meaning("heatmap", keypoints))
    data = bytes(size[0] * size[1] * 3)
    with running(network.image) as device:
        with closing(mailbox_transport(device)) as link:
            link.open(TIMEOUT_S)
            client = PoseClient(link)
            client.hello()
            client.upload(0, data)
            found = client.infer(0, zlib.crc32(data), len(data)).keypoints_norm
            assert found is not None
            assert found.shape == (1, keypoints, 3)
        with closing(serial_transport(device)) as link:
            link.open(TIMEOUT_S)
            client = PoseClient(link)
            client.hello()
            with pytest.raises(DeviceError, match="length is wrong"):
                client.infer(0, zlib.crc32(data), len(data), timeout_s=10)
            assert client.infer(0, zlib.crc32(data), len(data), keypoints=False).keypoints_norm is None
