"""Runs kernels built with AddressSanitizer and UndefinedBehaviorSanitizer on valid and on damaged operators.

Started by test_kernels_sanitized.py in a process of its own, which has the sanitizers' run-time loaded:

    python -m tests.firmware.sanitized_kernels LIBRARY

Each line of standard input, `OPERATOR EXAMPLES [short-output]`, is answered by one that says what was exercised. With
`short-output` the output buffer is one byte too short, which must be found. A finding aborts the process; the
sanitizer's report is on standard error.
"""

from __future__ import annotations

import copy
import ctypes
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pytest_stm32pose.network.reader import parse_model
from tests.firmware.case_tools import Case
from tests.firmware.kernel_host import ImageTensor, KernelHost, OperatorCall, prepare_call
from tests.firmware.operator_cases import CASES

DAMAGED_PER_CASE = 12
EXTREMES = (0, 1, 2, 3, 4, 7, 127, 128, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1)


def damage(call: OperatorCall, rng: np.random.Generator) -> OperatorCall:
    """A copy with one to three random faults in what an image may say of the operator."""
    broken = OperatorCall(
        copy.copy(call.desc), call.params, call.image, [copy.deepcopy(t) for t in call.tensors], list(call.contents),
        call.inputs, [("uint8", (-1,))] * len(call.outputs),
    )  # fmt: skip
    for _ in range(rng.integers(1, 4)):
        rng.choice(FAULTS)(broken, rng)
    return broken


def _break_params(call: OperatorCall, rng: np.random.Generator) -> None:
    params = bytearray(call.params)
    width = int(rng.choice([1, 2, 4]))
    if rng.integers(8) == 0:
        params = bytearray(rng.bytes(len(params)))
    elif len(params) >= width:
        at = int(rng.integers(0, len(params) - width + 1)) // width * width
        value = int(rng.choice(EXTREMES)) if rng.integers(2) else int.from_bytes(rng.bytes(width), "little")
        params[at : at + width] = (value & (256**width - 1)).to_bytes(width, "little")
    call.params = bytes(params)


def _break_image(call: OperatorCall, rng: np.random.Generator) -> None:
    """Any constant may be anything; the image may end early."""
    if rng.integers(2):
        image = bytearray(call.image)
        for _ in range(rng.integers(1, 9)):
            image[int(rng.integers(len(image)))] = int(rng.integers(256))
        call.image = bytes(image)
    else:
        call.image = call.image[: int(rng.integers(len(call.image) + 1))]


def _break_tensor(call: OperatorCall, rng: np.random.Generator) -> None:
    at = int(rng.integers(len(call.tensors)))
    tensor: ImageTensor = call.tensors[at]
    kind = rng.integers(6)
    dims = np.array(tensor.dims[:], np.uint32)
    if kind == 0:
        tensor.dtype = int(rng.integers(0, 10))
    elif kind == 1:
        tensor.rank = int(rng.integers(0, 9))
    elif kind == 2:
        dims[int(rng.integers(6))] = rng.choice(EXTREMES)
    elif kind == 3:
        rng.shuffle(dims)  # same bytes, another shape
    elif kind == 4:
        first, second = rng.permutation(4)[:2]
        dims[first], dims[second] = int(dims[first]) * int(dims[second]) & 0xFFFFFFFF, 1
    else:
        resized = max(0, tensor.bytes + int(rng.integers(-4, 5)))
        tensor.bytes = resized
        call.contents[at] = call.contents[at][:resized].ljust(resized, b"\0")
    tensor.dims = (ctypes.c_uint32 * 6)(*dims.tolist())


def _break_desc(call: OperatorCall, rng: np.random.Generator) -> None:
    kind = rng.integers(4)
    if kind == 0:
        call.desc.input_count = int(rng.integers(0, 4))
    elif kind == 1:
        call.desc.output_count = int(rng.integers(0, 4))
    elif kind == 2:
        call.desc.params_bytes = int(rng.integers(0, 64))
    else:
        call.desc.scratch_bytes = int(rng.integers(0, call.desc.scratch_bytes + 1))


#: Parameters and tensors twice as often as the others.
FAULTS = np.array([_break_params, _break_params, _break_image, _break_tensor, _break_tensor, _break_desc], dtype=object)


def run_campaign(host: KernelHost, operator: str, examples: str, fault: str = "") -> str:
    """Runs one operator on so many cases; what was exercised."""
    counts: Counter[str] = Counter()

    @settings(
        max_examples=int(examples), deadline=None, database=None, derandomize=True, phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=CASES[operator], seed=st.integers(0, 2**32 - 1))
    def campaign(case: Case, seed: int) -> None:
        graph = parse_model(case.model, "case")
        call = prepare_call(graph, graph.ops[0], case.inputs)
        if fault == "short-output":
            call.contents[-1] = call.contents[-1][:-1]
        assert host.call(call)[0] == 0
        counts["valid"] += 1
        rng = np.random.default_rng(seed)
        for _ in range(DAMAGED_PER_CASE):
            status, _ = host.call(damage(call, rng))
            counts["refused" if status else "ran"] += 1

    campaign()
    return f"{operator}: {counts['valid']} valid, {counts['refused']} damaged refused, {counts['ran']} damaged ran"


def main(library: str) -> None:
    host = KernelHost(Path(library))
    for line in sys.stdin:
        print(run_campaign(host, *line.split()), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
