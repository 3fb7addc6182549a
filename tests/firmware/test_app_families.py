"""Every family through compiler, image, firmware and both links: the device's keypoints are the golden's."""

from __future__ import annotations

import zlib
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from pytest_stm32pose.errors import DeviceError
from pytest_stm32pose.golden.engine import GoldenEngine
from pytest_stm32pose.network.compile import compile_graph
from pytest_stm32pose.network.image import parse_image
from pytest_stm32pose.network.meaning import meaning_of
from pytest_stm32pose.network.reader import parse_model
from pytest_stm32pose.protocol.client import PoseClient
from tests.firmware.host_device import mailbox_transport, running, serial_transport
from tests.firmware.tiny_families import EXAMPLES

TIMEOUT_S = 60.0


@pytest.mark.parametrize("name", EXAMPLES)
def test_keypoints_of_the_device_are_those_of_the_golden(name: str, tmp_path: Path) -> None:
    example = EXAMPLES[name]
    path = tmp_path / "net.tflite"
    path.write_bytes(example.model)
    graph = parse_model(example.model, "net")
    meaning = meaning_of(
        graph, family=example.family, keypoints=example.keypoints, stated=example.stated, decoding=example.decoding
    )
    network, engine = compile_graph(graph, meaning=meaning), GoldenEngine(path, meaning)
    random = np.random.default_rng(4)
    pictures = [random.integers(0, 256, (1, *example.size, 3), np.uint8) for _ in range(3)]
    pictures.append(np.full_like(pictures[0], 255))
    with running(network.image) as device:
        for make in (serial_transport, mailbox_transport):
            with closing(make(device)) as link:
                link.open(TIMEOUT_S)
                client = PoseClient(link)
                client.hello()
                told = client.network_info()
                assert (told.family, told.keypoints) == (example.family, example.keypoints)
                assert told.decoding == parse_image(network.image).decoding
                for picture in pictures:
                    data = picture.tobytes()
                    client.upload(0, data)
                    found = client.infer(0, zlib.crc32(data), len(data), outputs=True)
                    golden = engine.run(picture)
                    assert found.keypoints_norm is not None
                    assert golden.keypoints_norm is not None
                    assert found.keypoints_norm.shape == golden.keypoints_norm.shape
                    assert len(golden.keypoints_norm) >= 1
                    assert found.keypoints_norm.tobytes() == golden.keypoints_norm.tobytes()
                    assert (found.scores is None) == (golden.scores is None)
                    if found.scores is not None and golden.scores is not None:
                        assert found.scores.tobytes() == golden.scores.tobytes()
                with pytest.raises(DeviceError):  # an image says itself how it is decoded
                    client.set_decoding(told.decoding)
