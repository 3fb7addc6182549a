"""Every kernel of every set against LiteRT's reference kernels, bit for bit, on random networks of one operator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pytest_stm32pose.build import KERNEL_SETS
from pytest_stm32pose.network.reader import parse_model
from pytest_stm32pose.network.rules import supported_operators
from tests.firmware.kernel_host import kernel_host, prepare_call
from tests.firmware.operator_cases import CASES, Case

EXAMPLES = 300


def reference(case: Case) -> NDArray[Any]:
    """The operator's output from LiteRT's BUILTIN_REF kernels."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=case.model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF, num_threads=1
    )
    interpreter.allocate_tensors()
    for detail, values in zip(interpreter.get_input_details(), case.inputs, strict=True):
        interpreter.set_tensor(detail["index"], values)
    interpreter.invoke()
    return np.asarray(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))


def test_every_rule_has_a_case() -> None:
    assert set(CASES) == set(supported_operators())


@pytest.mark.parametrize("operator", CASES)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(data=st.data())
def test_same_bits_as_the_reference(operator: str, data: st.DataObject) -> None:
    case = data.draw(CASES[operator])
    expected = reference(case)
    graph = parse_model(case.model, "case")
    for kernels in KERNEL_SETS:
        status, actual = kernel_host(kernels).call(prepare_call(graph, graph.ops[0], case.inputs))
        assert status == 0, f"{kernels}: check() refused what the rule prepared"
        np.testing.assert_array_equal(actual.view(np.uint8), expected.view(np.uint8), err_msg=f"kernels {kernels}")
