"""Whether a network fits a board, from its file and the catalog: known before the board is taken. Pure."""

from __future__ import annotations

import math

import numpy as np

from pytest_stm32pose.boards.catalog import BoardSpec, boards
from pytest_stm32pose.boards.rooms import Wish, choose
from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.families.persons import MAX_PERSONS, MAX_ROWS
from pytest_stm32pose.network.image import FAMILIES, SEVERAL_PERSONS
from pytest_stm32pose.types import NetworkDescription

#: Of a message, and of a RESULT or PERSONS in it, beside the persons (firmware/include/pose/message.h, app/infer.c).
MESSAGE_OVERHEAD, RESULT_HEADER = 16, 16
#: Of persons with scores in one message.
PERSONS_BYTES = 4096
ROWS_PER_PERSON = 17
#: What helps -> how the clauses of misfits() start that it helps against.
_HELPS = {"a smaller input": ("the input ", "the arena "), "fewer weights": ("the network image ",)}


def input_bytes(description: NetworkDescription) -> int:
    """Of one picture as the network takes it."""
    return math.prod(description.input_shape) * np.dtype(description.input_dtype).itemsize


def _largest_input(description: NetworkDescription, room: int) -> str:
    """The largest square input of the network's type and channels that `room` bytes hold, for people."""
    channels = description.input_shape[2]
    side = math.isqrt(room // (channels * np.dtype(description.input_dtype).itemsize))
    return f"at most {side} x {side} x {channels}"


def misfits(spec: BoardSpec, description: NetworkDescription, weights: Wish = "flash") -> list[str]:
    """What of the network is larger than the board, one clause each; [] when it fits.

    A size that the board's entry does not tell (0), or that something else than our runtime decides, fits.

    Args:
        weights: --pose-weights; "ram" needs room for a copy of the image, too.
    """
    image, arena = description.network_image_bytes, description.activation_bytes
    external = spec.external_ram.bytes if spec.external_ram else 0
    sizes = (
        ("input", input_bytes(description), "its input slots hold", spec.slot_bytes),
        ("arena", arena, "its arena has", max(spec.arena_bytes, external) if spec.arena_bytes else 0),
        ("network image", image, "its network area has", spec.network.bytes),
    )
    clauses = [
        f"the {what} needs {size:,} bytes, {holds} {room:,}"
        for what, size, holds, room in sizes
        if room and size > room
    ]
    if clauses and clauses[0].startswith("the input"):
        clauses[0] += f" ({_largest_input(description, spec.slot_bytes)})"
    if result := _result_misfit(spec, description):
        clauses.append(result)
    if spec.arena_bytes and not clauses and choose(arena, image, spec.arena_bytes, external, weights) is None:
        clauses.append(
            f"a copy of its network image ({image:,} bytes) does not fit beside an arena of {arena:,} bytes into "
            f"{spec.arena_bytes:,}{f' and {external:,}' if external else ''} bytes of RAM (--pose-weights=flash "
            "reads it from flash)"
        )
    return clauses


def _arena_room(spec: BoardSpec, arena: int) -> int:
    """Of the memory that an arena of this size goes to."""
    is_external = spec.external_ram is not None and arena > spec.arena_bytes
    return spec.external_ram.bytes if spec.external_ram and is_external else spec.arena_bytes


def _result_misfit(spec: BoardSpec, description: NetworkDescription) -> str:
    """Why the persons of a picture do not fit the board's answer (PROTOCOL.md, PERSONS and RESULT); "" when they do."""
    keypoints = description.keypoints
    if not keypoints or description.family not in FAMILIES:
        return ""
    scored = description.family in SEVERAL_PERSONS
    person = (keypoints * 3 + scored) * 4
    message = spec.message_bytes - MESSAGE_OVERHEAD - RESULT_HEADER
    message = min(message, PERSONS_BYTES) if scored else message
    if person > message or keypoints > spec.persons * ROWS_PER_PERSON:
        return f"a person of {keypoints} keypoints is more than its answers hold"
    room = min(spec.persons, spec.persons * ROWS_PER_PERSON // keypoints)
    asked = min(description.decoding.max_persons, MAX_PERSONS, MAX_ROWS // keypoints)
    if scored and asked > room:
        return (
            f"up to {asked} persons of {keypoints} keypoints may be found, its answers hold {room} "
            f"(--pose-max-persons={room})"
        )
    return ""


def _remedy(spec: BoardSpec, description: NetworkDescription, clauses: list[str], weights: Wish = "flash") -> str:
    """What helps, one sentence: a smaller input, fewer weights, or which boards take the network as it is."""
    helps = [help_ for help_, starts in _HELPS.items() if any(clause.startswith(starts) for clause in clauses)]
    network = f"Use a network with {' and '.join(helps)}" if helps else "Use another network"
    others = {
        other.firmware: other.name
        for other in reversed(boards().values())
        if other.kind == spec.kind and not misfits(other, description, weights)
    }
    names = f" ({', '.join(sorted(others.values()))})" if others else ""
    return f"{network}, or a larger board{names}."


def check_fit(spec: BoardSpec, description: NetworkDescription, weights: Wish = "flash") -> None:
    """Raises ModelError, with every size that is too large. `weights`: as for misfits."""
    clauses = misfits(spec, description, weights)
    if clauses:
        raise ModelError(
            f"{description.name} does not fit {spec.name}: {'; '.join(clauses)}.",
            remedy=_remedy(spec, description, clauses, weights),
        )


def fit_line(spec: BoardSpec, description: NetworkDescription) -> str:
    """The same in one line for the terminal, also for a network that fits."""
    if clauses := misfits(spec, description):
        return f"{spec.name}: does not fit: {'; '.join(clauses)}. {_remedy(spec, description, clauses)}"
    sizes = (
        ("input", input_bytes(description), spec.slot_bytes),
        ("arena", description.activation_bytes, _arena_room(spec, description.activation_bytes)),
        ("network image", description.network_image_bytes, spec.network.bytes),
    )
    shown = [
        f"{what} {size:,} of {f'{room:,}' if room else 'an unknown number of'} bytes" for what, size, room in sizes
    ]
    return f"{spec.name}: fits: {', '.join(shown)}; every operator is in its {spec.kernels} kernels"
