"""Tensors told by their CRC-32: right ones, of the right run, and their bytes for who asks; on our firmware, built for
this machine."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing

import numpy as np
import pytest

from pytest_stm32pose.errors import DeviceError
from pytest_stm32pose.network.compile import CompiledNetwork
from pytest_stm32pose.protocol import messages
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.protocol.messages import Capability, Command, InferOption, Message, Status
from pytest_stm32pose.transports.base import Transport
from pytest_stm32pose.types import InferResult
from tests.firmware import st_host as st
from tests.firmware.host_device import HostDevice, mailbox_transport, running, serial_transport
from tests.firmware.st_host import StHost
from tests.firmware.test_links_together import tensor_addresses
from tests.firmware.test_st_protocol import build
from tests.firmware.tiny_network import tiny_network, tiny_picture

TIMEOUT_S = 60.0
PICTURE = tiny_picture().tobytes()
CRC = zlib.crc32(PICTURE)
DIGESTS = InferOption.KEYPOINTS | InferOption.OUTPUTS | InferOption.INTERMEDIATES | InferOption.DIGESTS


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> CompiledNetwork:
    return build(tmp_path_factory.mktemp("digests"), tiny_network())


@pytest.fixture(scope="module")
def device(network: CompiledNetwork) -> Iterator[HostDevice]:
    with running(network.image) as started:
        yield started


def connected(link: Transport) -> PoseClient:
    link.open(TIMEOUT_S)
    client = PoseClient(link)
    assert client.hello().capabilities & Capability.DIGESTS
    return client


@pytest.fixture(params=[serial_transport, mailbox_transport], ids=["serial", "swd"])
def link(request: pytest.FixtureRequest, device: HostDevice) -> Iterator[Transport]:
    with closing(request.param(device)) as transport:
        yield transport


def run(client: PoseClient, *, digests: bool = True) -> InferResult:
    client.upload(0, PICTURE)
    return client.infer(0, CRC, len(PICTURE), outputs=True, intermediates=True, digests=digests)


def test_crcs_are_those_of_the_bytes_that_do_not_come(link: Transport) -> None:
    client = connected(link)
    full, told = run(client, digests=False), run(client)
    assert (told.outputs, told.intermediates) == ((), ())
    assert (full.output_digests, full.intermediate_digests) == ((), ())
    for tensors, digests in ((full.outputs, told.output_digests), (full.intermediates, told.intermediate_digests)):
        assert [(d.source, d.op_source, d.dtype, d.shape, d.crc32) for d in digests] == [
            (t.source, t.op_source, str(t.data.dtype), t.data.shape, zlib.crc32(t.data.tobytes())) for t in tensors
        ]
    assert len(told.intermediate_digests) > 5
    assert full.keypoints_norm is not None
    assert told.keypoints_norm is not None
    assert full.keypoints_norm.tobytes() == told.keypoints_norm.tobytes()


def test_tensors_that_are_named_come_with_their_data(link: Transport) -> None:
    client = connected(link)
    full = run(client, digests=False)
    wanted = [full.intermediates[3].source, full.outputs[0].source, 12345]
    client.start_infer(0, CRC, len(PICTURE), DIGESTS, wanted)
    some = client.finish_infer(TIMEOUT_S)
    # The output of the last operator is one of the tensors and an output.
    assert [t.source for t in some.intermediates] == [full.intermediates[3].source, full.outputs[0].source]
    assert some.intermediates[0].data.tobytes() == full.intermediates[3].data.tobytes()
    assert some.outputs[0].data.tobytes() == full.outputs[0].data.tobytes()
    assert len(some.intermediate_digests) == len(full.intermediates) - 2


def test_the_bytes_of_an_output_can_be_had_afterwards(link: Transport) -> None:
    client = connected(link)
    full, told = run(client, digests=False), run(client)
    for _ in range(2):
        got = client.fetch_output(told, 0)
        assert (got.source, got.op_source) == (full.outputs[0].source, full.outputs[0].op_source)
        np.testing.assert_array_equal(got.data, full.outputs[0].data)
    with pytest.raises(DeviceError):  # refused, it ends nothing
        client.infer(0, CRC ^ 1, len(PICTURE))
    client.upload(0, bytes(len(PICTURE)))
    assert client.fetch_output(told, 0).data.tobytes() == full.outputs[0].data.tobytes()


def asked(client: PoseClient, link: Transport, run_: int, output: int, offset: int) -> Message:
    """What the device says to an OUTPUT as it stands here."""
    nonce = 0x55AA0000 ^ offset
    link.send(
        messages.encode_message(Message(Command.OUTPUT, nonce, struct.pack("<III", run_, output, offset))), TIMEOUT_S
    )
    answer = messages.decode_message(link.receive(TIMEOUT_S))
    assert answer.nonce == nonce
    return answer


def test_what_is_asked_for_is_bounded(link: Transport) -> None:
    client = connected(link)
    data = run(client, digests=False).outputs[0].data.tobytes()
    told = run(client)
    assert told.run is not None
    for offset in (0, 1, len(data) - 1):
        answer = asked(client, link, told.run, 0, offset)
        assert (answer.status, answer.payload) == (0, data[offset:])
    for output, offset in ((0, len(data)), (0, 0xFFFFFFFF), (1, 0), (0xFFFFFFFF, 0)):
        assert asked(client, link, told.run, output, offset).status == Status.PARAM
    assert asked(client, link, told.run ^ 1, 0, 0).status == Status.STATE


def another_run(device: HostDevice) -> None:
    """On the other link; with the same nonce it would still be another host's."""
    with closing(mailbox_transport(device)) as other:
        run(connected(other))


def self_test(device: HostDevice) -> None:
    with closing(mailbox_transport(device)) as other:
        assert connected(other).self_test().passed


def st_run(device: HostDevice) -> None:
    with closing(StHost(device.url, TIMEOUT_S)) as host:
        host.run("tiny", PICTURE, st.IO_ONLY)


def st_write(device: HostDevice) -> None:
    """Into the output itself."""
    with closing(StHost(device.url, TIMEOUT_S)) as host:
        address = list(tensor_addresses(host).values())[-1]
    with closing(mailbox_transport(device)) as other:
        client = connected(other)
        told = run(client)
        with closing(StHost(device.url, TIMEOUT_S)) as host:
            assert host.ask(st.MEMORY_WRITE, address, opt=16).state == st.WAITING
            host.send(st.data_message(bytes(16)))
            assert host.receive().state == st.DONE
        with pytest.raises(DeviceError) as caught:
            client.fetch_output(told, 0)
        assert caught.value.status == Status.STATE


@pytest.mark.parametrize("disturb", [another_run, self_test, st_run, st_write], ids=lambda each: each.__name__)
def test_outputs_that_may_be_gone_are_not_given(device: HostDevice, disturb: Callable[[HostDevice], None]) -> None:
    with closing(serial_transport(device)) as mine:
        told = run(connected(mine))
    disturb(device)
    with closing(serial_transport(device)) as mine:
        client = connected(mine)
        with pytest.raises(DeviceError, match="not ready") as caught:
            client.fetch_output(told, 0)
        assert caught.value.status == Status.STATE


def test_outputs_of_another_link_are_not_given(device: HostDevice) -> None:
    with closing(serial_transport(device)) as mine, closing(mailbox_transport(device)) as other:
        told = run(connected(mine))
        with pytest.raises(DeviceError) as caught:
            connected(other).fetch_output(told, 0)
        assert caught.value.status == Status.STATE


def test_a_place_forgets_them(device: HostDevice) -> None:
    with closing(mailbox_transport(device)) as mine:
        client = connected(mine)
        told = run(client)
        client.place(messages.AS_STARTED, messages.AS_STARTED)
        with pytest.raises(DeviceError) as caught:
            client.fetch_output(told, 0)
        assert caught.value.status == Status.STATE


def test_a_list_is_refused_where_data_come_anyway(link: Transport) -> None:
    client = connected(link)
    client.upload(0, PICTURE)
    for options, wanted in ((InferOption.OUTPUTS, [1]), (DIGESTS, range(messages.MAX_WANTED + 1))):
        client.start_infer(0, CRC, len(PICTURE), options, wanted)
        with pytest.raises(DeviceError) as caught:
            client.finish_infer(TIMEOUT_S)
        assert caught.value.status == Status.LENGTH
