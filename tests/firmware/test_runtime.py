"""The runtime of the host library: whole networks against LiteRT's reference kernels, states, and refused images."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from pytest_stm32pose.families import Meaning
from pytest_stm32pose.families.heatmap import Heatmap
from pytest_stm32pose.firmware.build import KERNEL_SETS, build_host_library
from pytest_stm32pose.models.zoo import default_model, default_pictures, find_model, zoo
from pytest_stm32pose.network import image as layout
from pytest_stm32pose.network.compile import PLANS, CompiledNetwork, compile_bytes, compile_model
from pytest_stm32pose.types import Layout
from tests.firmware.device_decoder import on_device, same_bits
from tests.firmware.runtime_fuzz import replaced
from tests.firmware.runtime_host import HostNet
from tests.firmware.tiny_network import KEYPOINTS, tiny_network, tiny_picture
from tests.support.shared_data import shared_dir

OK, PARAM, VERSION, STATE, CRC, NO_NETWORK, IMAGE, OPERATOR, MEMORY = 0, -3, -4, -6, -7, -8, -9, -10, -11
HEATMAPS = [row.name for row in zoo().values() if row.family == "heatmap"]


@cache
def host(kernels: str) -> HostNet:
    return HostNet(build_host_library(kernels))


@cache
def reference_library() -> ctypes.CDLL:
    return ctypes.CDLL(str(build_host_library("ref")))


@cache
def tiny(int8_output: bool = False, plan: str = "plain") -> CompiledNetwork:
    return compile_bytes(
        tiny_network(int8_output=int8_output), "tiny", plan=plan, meaning=Meaning("heatmap", KEYPOINTS)
    )


@pytest.fixture(params=KERNEL_SETS)
def net(request: pytest.FixtureRequest) -> HostNet:
    return host(request.param)


def reference(model: bytes, picture: NDArray[Any]) -> Callable[[int], NDArray[Any]]:
    """Runs LiteRT's reference kernels; returns a function from tensor index to value."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=model, num_threads=1, experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )  # fmt: skip
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture)
    interpreter.invoke()
    return lambda index: np.asarray(interpreter.get_tensor(index))


def check_every_tensor(nets: list[HostNet], compiled: CompiledNetwork, model: bytes, picture: NDArray[Any]) -> None:
    """0 differing elements in every tensor that exists, on every kernel set; keypoints as decoded on the host."""
    expected = reference(model, picture)
    graph = compiled.program
    for net in nets:
        assert net.open(compiled.image) == OK
        run = net.run(picture)
        assert run.status == OK
        assert [source for source, _ in run.op_ticks] == [op.index for op in graph.ops]
        assert run.tensors.keys() == set(compiled.tensors)
        for op in graph.ops:
            for tensor in set(op.outputs) & set(compiled.tensors):
                source, actual = run.tensors[tensor]
                assert source == op.index
                np.testing.assert_array_equal(actual, expected(tensor), err_msg=f"operator {op.index} {op.name}")
        output = net.output(0)
        np.testing.assert_array_equal(output, expected(graph.outputs[0]))
        keypoints = Heatmap().decode([expected(graph.outputs[0])], compiled.description.keypoints)
        np.testing.assert_array_equal(net.decode(), keypoints)
        assert net.guard_intact
        parsed = layout.parse_image(compiled.image).tensors
        tensors = [t for t in parsed if t.storage == layout.IN_ARENA and not t.rows_held]
        assert max(t.offset + t.nbytes for t in tensors) <= net.high_water + 8 <= compiled.plan.total_bytes + 8


def picture_of(path: Path, compiled: CompiledNetwork) -> NDArray[np.uint8]:
    height, width, _ = compiled.description.input_shape
    return np.asarray(Image.open(path).convert("RGB").resize((width, height)))[None]


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("int8_output", [False, True])
def test_tiny_network_bit_for_bit(int8_output: bool, plan: str) -> None:
    nets = [host(kernels) for kernels in KERNEL_SETS]
    for seed in range(20):
        check_every_tensor(nets, tiny(int8_output, plan), tiny_network(int8_output=int8_output), tiny_picture(seed))


@pytest.mark.parametrize("plan", PLANS)
def test_default_network_bit_for_bit(plan: str) -> None:
    compiled, data = compile_model(default_model(), plan=plan), default_model().read_bytes()
    for path in sorted(default_pictures().glob("*.png"))[:4]:
        check_every_tensor([host(k) for k in KERNEL_SETS], compiled, data, picture_of(path, compiled))


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("name", HEATMAPS)
def test_published_network_bit_for_bit(name: str, plan: str) -> None:
    path, folder = find_model(name), shared_dir()
    if path is None:
        pytest.skip(f"{zoo()[name].file} is not here; put it into $STM32POSE_DATA/models")
    photographs = sorted((folder / "data" / "coco_val2017" / "images").glob("*.jpg")) if folder else []
    compiled = compile_model(path, plan=plan)
    height, width, channels = compiled.description.input_shape
    noise = np.random.default_rng(1).integers(0, 256, (1, height, width, channels), np.uint8)
    picture = picture_of(photographs[0], compiled) if photographs else noise
    check_every_tensor([host(k) for k in KERNEL_SETS], compiled, path.read_bytes(), picture)


def test_the_tiny_network_works_in_place() -> None:
    """So the tests above and the damaged images cover it."""
    assert [op.source for op in layout.parse_image(tiny().image).ops if op.in_place] == [4, 7]


def test_info(net: HostNet) -> None:
    compiled = tiny()
    assert net.open(compiled.image) == OK
    info, parsed = net.info(), layout.parse_image(compiled.image)
    assert info.name == b"tiny"
    assert bytes(info.model_sha256[:32]).hex() == compiled.description.sha256
    assert (info.image_bytes, info.image_crc32) == (len(compiled.image), parsed.crc32)
    assert (info.arena_bytes, info.arena_available) == (compiled.plan.total_bytes, net.arena_bytes)
    assert (info.op_count, info.tensor_count, info.output_count) == (9, len(parsed.tensors), 1)
    assert (info.macc, info.family, info.keypoints) == (compiled.description.macc, 1, 4)
    assert info.input.contents.bytes == tiny_picture().nbytes


def test_states(net: HostNet) -> None:
    assert net.open(b"\0" * 192) == NO_NETWORK
    with pytest.raises(RuntimeError, match=str(STATE)):
        net.info()
    assert net.run(tiny_picture()).status == STATE
    assert net.output(0) == STATE
    assert net.high_water == 0
    assert net.open(tiny().image) == OK
    assert net.high_water == 0
    assert net.output(1) == PARAM
    assert net.decode() == STATE, "nothing has run"
    stopped = net.run(tiny_picture(), stop=lambda index: -5 if index == 3 else 0)
    assert (stopped.status, len(stopped.op_ticks)) == (-5, 4)
    assert net.decode() == STATE, "the run was stopped"
    assert net.run(tiny_picture()).status == OK
    assert isinstance(net.decode(), np.ndarray)
    assert net.decode(max_persons=0) == MEMORY


def test_runs_are_repeatable_and_timed(net: HostNet) -> None:
    assert net.open(tiny().image) == OK
    first = net.run(tiny_picture(1))
    other = net.run(tiny_picture(2))
    again = net.run(tiny_picture(1))
    assert first.tensors.keys() == again.tensors.keys()
    assert all(np.array_equal(first.tensors[t][1], again.tensors[t][1]) for t in first.tensors)
    assert not all(np.array_equal(first.tensors[t][1], other.tensors[t][1]) for t in first.tensors)
    for run in (first, other, again):
        assert run.ticks == sum(ticks for _, ticks in run.op_ticks) > 0


def test_high_water_survives_what_lies_above(net: HostNet) -> None:
    """The mark covers the plan and nothing of the arena beyond it."""
    assert net.open(tiny().image) == OK
    assert net.run(tiny_picture()).status == OK
    assert 0 < net.high_water <= tiny().plan.total_bytes < net.arena_bytes


def test_network_of_no_family_has_no_persons(net: HostNet) -> None:
    image = replaced(tiny().image, [(184 + i, 1, 0) for i in range(layout.DECODING.size)])
    assert net.open(bytes(image)) == OK
    assert net.run(tiny_picture()).status == OK
    decoded = net.decode()
    assert isinstance(decoded, np.ndarray)
    assert decoded.shape == (0, 0, 3)


def tables() -> tuple[int, int, int]:
    """Offsets of tensor, operator and operand table in the tiny image."""
    return tuple(struct.unpack_from("<I", tiny().image, at)[0] for at in (128, 136, 144))


def tensor_field(source: int, at: int) -> int:
    """Offset of a field of the tensor with a .tflite index."""
    rows = [t.source for t in layout.parse_image(tiny().image).tensors]
    return tables()[0] + rows.index(source) * layout.TENSOR.size + at


def op_field(index: int, at: int) -> int:
    return tables()[1] + index * layout.OP.size + at


#: what -> (changes, status, refused operator). Tensors by .tflite index: 0 picture, 1 quantized, 10 addend, 17 output.
REFUSED: dict[str, tuple[Callable[[], list[tuple[int, int, int]]], int, int]] = {
    "magic": (lambda: [(0, 4, 0)], NO_NETWORK, -1),
    "version": (lambda: [(4, 2, 1)], VERSION, -1),
    "header size": (lambda: [(6, 2, 200)], IMAGE, -1),
    "longer than its memory": (lambda: [(8, 4, len(tiny().image) + 16)], IMAGE, -1),
    "CRC": (lambda: [(12, 4, 1)], CRC, -1),
    "name without an end": (lambda: [(48 + i, 1, 65) for i in range(64)], IMAGE, -1),
    "more arena than there is": (lambda: [(120, 4, 64 << 20)], MEMORY, -1),
    "less arena than its tensors": (lambda: [(120, 4, 16)], IMAGE, -1),
    "tensor table outside": (lambda: [(128, 4, len(tiny().image))], IMAGE, -1),
    "tensor count overflows": (lambda: [(124, 4, 0x55555556)], IMAGE, -1),
    "operator count": (lambda: [(132, 4, 0)], IMAGE, -1),
    "input is no slot": (lambda: [(164, 2, 1)], IMAGE, -1),
    "no output": (lambda: [(166, 2, 0)], IMAGE, -1),
    "output never written": (lambda: [(168, 2, 0)], IMAGE, -1),
    "family without keypoints": (lambda: [(186, 2, 0)], IMAGE, -1),
    "family unknown": (lambda: [(184, 1, 10)], IMAGE, -1),
    "keypoints without a family": (lambda: [(184, 1, 0)], IMAGE, -1),
    "values per keypoint": (lambda: [(185, 1, 4)], IMAGE, -1),
    "no class": (lambda: [(188, 1, 0)], IMAGE, -1),
    "decoding flag": (lambda: [(189, 1, 8)], IMAGE, -1),
    "pixels of nothing": (lambda: [(189, 1, 2)], IMAGE, -1),
    "reserved": (lambda: [(193, 1, 1)], IMAGE, -1),
    "no persons": (lambda: [(194, 2, 0)], IMAGE, -1),
    "score is not a number": (lambda: [(200, 4, 0x7FC00000)], IMAGE, -1),
    "overlap is negative": (lambda: [(204, 4, 0xBF800000)], IMAGE, -1),
    "dtype": (lambda: [(tensor_field(1, 0), 1, 8)], IMAGE, -1),
    "rank": (lambda: [(tensor_field(1, 1), 1, 7)], IMAGE, -1),
    "size and shape differ": (lambda: [(tensor_field(1, 8), 4, 160)], IMAGE, -1),
    "shape overflows": (lambda: [(tensor_field(1, 12 + 4 * i), 4, 0x10000) for i in range(4)], IMAGE, -1),
    "unaligned tensor": (lambda: [(tensor_field(1, 4), 4, 8)], IMAGE, -1),
    "tensor beyond the arena": (lambda: [(tensor_field(1, 4), 4, 0xFFFFFFF0)], IMAGE, -1),
    "constant beyond the image": (lambda: [(tensor_field(10, 4), 4, 0xFFFFFFF0)], IMAGE, -1),
    "second slot": (lambda: [(tensor_field(1, 2), 1, 2), (tensor_field(1, 4), 4, 0)], IMAGE, -1),
    "scale is not a number": (lambda: [(tensor_field(1, 36), 4, 0x7FC00000)], IMAGE, -1),
    "operator unknown": (lambda: [(op_field(4, 0), 2, 32)], OPERATOR, 4),
    "too many operands": (lambda: [(op_field(4, 4), 2, 1024)], IMAGE, 4),
    "no result": (lambda: [(op_field(4, 6), 2, 0)], IMAGE, 4),
    "operands outside": (lambda: [(op_field(4, 12), 4, 0xFFFFFFFF)], IMAGE, 4),
    "parameters outside": (lambda: [(op_field(1, 16), 4, 0)], IMAGE, 1),
    "parameters too long": (lambda: [(op_field(1, 10), 2, 0xFFFF)], IMAGE, 1),
    "scratch outside": (lambda: [(op_field(1, 20), 4, 0x100000)], IMAGE, 1),
    "scratch over a result": (lambda: [(op_field(1, 20), 4, output_of(1)), (op_field(1, 24), 4, 32)], IMAGE, 1),
    "unknown flag": (lambda: [(op_field(4, 8), 2, 5)], IMAGE, 4),
    "not really in place": (lambda: [(tensor_field(11, 4), 4, output_of(3) + 16)], IMAGE, 4),
    "in place without saying so": (lambda: [(op_field(4, 8), 2, 0)], IMAGE, 4),
    "kernel that cannot work in place": (lambda: [(op_field(3, 8), 2, 1)], OPERATOR, 3),
    "read before written": (lambda: [(tables()[2], 2, row_of(4))], IMAGE, 0),
    "writes a constant": (lambda: [(tables()[2] + 2, 2, row_of(10))], IMAGE, 0),
    "writes the slot": (lambda: [(tables()[2] + 2, 2, row_of(0))], IMAGE, 0),
    "result over its source": (lambda: [(tensor_field(9, 4), 4, output_of(2))], IMAGE, 3),
}


def row_of(source: int) -> int:
    return [t.source for t in layout.parse_image(tiny().image).tensors].index(source)


def output_of(op: int) -> int:
    """Arena offset of an operator's output."""
    image = layout.parse_image(tiny().image)
    return image.tensors[image.ops[op].outputs[0]].offset


@pytest.mark.parametrize("case", REFUSED)
def test_refused_images(case: str) -> None:
    changes, status, failed_op = REFUSED[case]
    net = host("ref")
    image = bytes(replaced(tiny().image, changes()))
    assert (net.open(image), net.failed_op) == (status, failed_op)


def test_arena_too_small_or_unaligned() -> None:
    library = build_host_library("ref")
    needed = tiny().plan.total_bytes
    assert HostNet(library, needed).open(tiny().image) == OK
    assert HostNet(library, needed - 16).open(tiny().image) == MEMORY
    lib = reference_library()
    assert lib.pose_net_open(ctypes.c_void_p(0x1008), 4096, ctypes.c_void_p(0x1000), 4096) == PARAM
    assert lib.pose_net_open(None, 4096, ctypes.c_void_p(0x1000), 4096) == PARAM


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_heatmap_decoder_is_the_hosts(data: st.DataObject) -> None:
    """Few distinct values, so that ties are frequent; NaN and infinities too."""
    shape = (1, data.draw(st.integers(1, 7)), data.draw(st.integers(1, 7)), data.draw(st.integers(1, 20)))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    if data.draw(st.booleans()):
        maps = rng.choice(np.array([-128, -1, 0, 3, 127], np.int8), shape)
    else:
        some = data.draw(st.lists(st.sampled_from([0.0, -0.0, 0.5, 1.0, np.nan, np.inf, -np.inf]), min_size=1))
        maps = rng.choice(np.array(some, np.float32), shape)
    same_bits(Meaning("heatmap", shape[3]), [maps])


def test_outputs_of_another_shape_are_no_heatmap() -> None:
    maps = np.zeros((1, 2, 2, 5), np.float32)
    assert not isinstance(on_device(Meaning("heatmap", 5), [maps]), int)
    assert on_device(Meaning("heatmap", 4), [maps]) == PARAM
    assert on_device(Meaning("heatmap", 5), []) == PARAM
    assert on_device(Meaning("heatmap", 5, Layout(outputs=(1,))), [maps]) == PARAM
    assert on_device(Meaning("heatmap", 5), [maps.astype(np.int32)]) == PARAM
    assert on_device(Meaning("heatmap", 5), [maps[0]]) == PARAM
