"""What recognising the outputs of any family needs: which outputs they are, their type, the unit of coordinates."""

from __future__ import annotations

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.families.base import DTYPES, NetworkFacts, OutputFacts

TENSORS_ONLY = "--pose-family=none compares the output tensors only."
#: Dequantised coordinates of 0 to 1 stay below this, as far outside the picture as a keypoint may be; pixels do not.
MAX_NORMALISED = 3.0


def only_output(facts: NetworkFacts) -> OutputFacts | None:
    """The one output of batch 1, none of its sizes 0; None when there are others or none.

    Of several it is the one that the user named.
    """
    chosen = facts.stated.outputs
    if len(chosen) == 1 and chosen[0] < len(facts.outputs):
        return _whole(facts.outputs[chosen[0]])
    return _whole(facts.outputs[0]) if len(facts.outputs) == 1 and len(chosen) < 2 else None


def whole_outputs(facts: NetworkFacts) -> tuple[OutputFacts, ...] | None:
    """All outputs, each of batch 1 and without a size of 0; None when one is not."""
    found = tuple(filter(None, map(_whole, facts.outputs)))
    return found if len(found) == len(facts.outputs) else None


def _whole(output: OutputFacts) -> OutputFacts | None:
    return output if output.shape and output.shape[0] == 1 and min(output.shape) >= 1 else None


def undecodable(output: OutputFacts, what: str, *, is_quantised: bool = True) -> ModelError | None:
    """Why an output that is `what` cannot be decoded by its type; None when it can.

    Args:
        is_quantised: integers mean nothing without a scale.
    """
    shown = f"The output {output.dtype} {list(output.shape)} would be {what}"
    if output.dtype not in DTYPES:
        return ModelError(
            f"{shown}; those of type float32, int8 and uint8 are decoded.",
            remedy=f"Export it as float32 or int8 (inference_output_type); {TENSORS_ONLY}",
        )
    if is_quantised and output.dtype != "float32" and output.high is None:
        return ModelError(
            f"{shown}, but is {output.dtype} without one scale and zero point.",
            remedy=f"Quantise the network again; {TENSORS_ONLY}",
        )
    return None


def in_pixels(
    facts: NetworkFacts, output: OutputFacts, high: float | None, what: str, *, usual: bool | None = None
) -> tuple[bool, ModelError | None]:
    """Whether coordinates are pixels of the input, and why that cannot be known or be; says what to state.

    Args:
        high: no coordinate is higher; None: the file does not tell.
        what: the output would be, for the sentence.
        usual: how all networks of such outputs have them; None: either way.
    """
    shown = f"The output {output.dtype} {list(output.shape)} would be {what}"
    stated = facts.stated.pixels
    if stated and high is not None and high <= MAX_NORMALISED:
        return True, ModelError(
            f"{shown}, and --pose-units=pixels: its file says that no value is above {high:.4g}.",
            remedy="Leave --pose-units out, or say --pose-units=normalised.",
        )
    if stated is not None:
        return stated, None
    if high is not None:
        return high > MAX_NORMALISED, None
    if usual is not None:
        return usual, None
    return False, ModelError(
        f"{shown}, but the file does not tell coordinates of 0 to 1 from pixels.",
        remedy=f"Say which: --pose-units=normalised or --pose-units=pixels; {TENSORS_ONLY}",
    )


def is_raw(output: OutputFacts) -> bool:
    """Whether scores are no probabilities yet: nothing says that they stay within 0 and 1."""
    within = output.low is not None and output.high is not None and output.low >= 0 and output.high <= 1
    return output.operator not in ("LOGISTIC", "SOFTMAX") and not within
