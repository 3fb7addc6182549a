"""Every kernel of every set against LiteRT's reference kernels, bit for bit, on random networks of one operator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pytest_stm32pose.firmware.build import KERNEL_SETS
from pytest_stm32pose.network.image import OP_IN_PLACE
from pytest_stm32pose.network.reader import parse_model
from pytest_stm32pose.network.rules import supported_operators, works_in_place
from tests.firmware.case_tools import Case
from tests.firmware.kernel_host import kernel_host, prepare_call
from tests.firmware.operator_cases import CASES

#: Per operator, and in `make campaign`. They are others at every run.
EXAMPLES, MANY = 100, 1000


def reference(case: Case) -> list[NDArray[Any]]:
    """The operator's outputs from LiteRT's BUILTIN_REF kernels."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=case.model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF, num_threads=1
    )
    interpreter.allocate_tensors()
    for detail, values in zip(interpreter.get_input_details(), case.inputs, strict=True):
        interpreter.set_tensor(detail["index"], values)
    interpreter.invoke()
    return [np.asarray(interpreter.get_tensor(detail["index"])) for detail in interpreter.get_output_details()]


def raw(tensors: list[NDArray[Any]]) -> list[list[int]]:
    return [np.frombuffer(tensor.tobytes(), np.uint8).tolist() for tensor in tensors]


def test_every_rule_has_a_case() -> None:
    assert set(CASES) == set(supported_operators())


@pytest.mark.parametrize("operator", CASES)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(data=st.data())
def test_same_bits_as_the_reference(operator: str, data: st.DataObject) -> None:
    check(operator, data.draw(CASES[operator]))


@pytest.mark.campaign
@pytest.mark.parametrize("operator", CASES)
@settings(max_examples=MANY, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(data=st.data())
def test_same_bits_as_the_reference_at_length(operator: str, data: st.DataObject) -> None:
    check(operator, data.draw(CASES[operator]))


def check(operator: str, case: Case) -> None:
    """The outputs of every kernel set, also in place where the rule says that the operator can."""
    expected = reference(case)
    graph = parse_model(case.model, "case")
    for kernels in KERNEL_SETS:
        host, call = kernel_host(kernels), prepare_call(graph, graph.ops[0], case.inputs)
        status, actual = host.call(call)
        assert status == 0, f"{kernels}: check() refused what the rule prepared"
        assert raw(actual) == raw(expected), f"kernels {kernels}"
        resizes = len(call.contents[0]) != len(call.contents[call.inputs])
        if works_in_place(operator):
            assert host.flags(call.desc.opcode) & OP_IN_PLACE, f"{kernels}: the kernel does not say so"
            status, actual = host.call(call, in_place=True)
            if works_in_place(operator, resizes=resizes):
                assert (status, raw(actual)) == (0, raw(expected)), f"kernels {kernels}, in place"
            else:
                assert status != 0, f"kernels {kernels}: overwrites what it still reads"
