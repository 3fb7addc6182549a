"""Where a network's weights and arena are on a board that can choose, and how fast the weights' memory is.

The firmware is told once the network is flashed, and again after every start: a reset puts both where they were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_stm32pose.boards.rooms import Choice, choose
from pytest_stm32pose.errors import ConfigError, DeviceError
from pytest_stm32pose.protocol.messages import AS_STARTED, Capability, status_sentence
from pytest_stm32pose.types import Places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_stm32pose.boards.catalog import BoardSpec
    from pytest_stm32pose.boards.rooms import Wish
    from pytest_stm32pose.protocol.client import PoseClient
    from pytest_stm32pose.types import DeviceMemory, Hello, NetworkDescription

_US_PER_S = 1_000_000


def memory_words(memories: Sequence[DeviceMemory]) -> str:
    """The external ones with their modes, in words; "none" without any."""
    return ", ".join(each.words for each in memories if each.is_external) or "none"


def settle(
    client: PoseClient, spec: BoardSpec, hello: Hello, network: NetworkDescription, wish: Wish
) -> tuple[tuple[DeviceMemory, ...], Places | None]:
    """Puts weights and arena of the flashed network where they fit, and asks where they are.

    Args:
        wish: --pose-weights.

    Returns:
        The memories that the firmware tells of, () when it is too old to; the places, None where it tells none.

    Raises:
        ConfigError: the firmware cannot copy, and that is what was asked for.
        DeviceError: there is no room, a memory did not start, or the firmware refuses.
    """
    if not hello.capabilities & Capability.MEMORIES:
        if wish == "ram":
            raise ConfigError(
                f"The firmware of {spec.name} ({hello.firmware_version}) cannot copy weights to RAM.",
                remedy="Flash the firmware of this version of the package, or leave --pose-weights out.",
            )
        return (), None
    memories = client.memories()
    choice = _choice(memories, spec, network, wish)
    if choice is not None and choice != Choice("flash", "internal"):
        _move(client, memories, choice, spec, network)
        memories = client.memories()
    return memories, _told(client, memories, spec, hello)


def _internal(memories: Sequence[DeviceMemory]) -> int:
    """The memory that the arena is in after a start; AS_STARTED where the firmware tells none."""
    return next((i for i, each in enumerate(memories) if each.has_arena), AS_STARTED)


def _external(memories: Sequence[DeviceMemory]) -> int:
    internal = _internal(memories)
    found = (i for i, each in enumerate(memories) if each.is_ram and each.is_external and i != internal)
    return next(found, AS_STARTED)


def _choice(
    memories: Sequence[DeviceMemory], spec: BoardSpec, network: NetworkDescription, wish: Wish
) -> Choice | None:
    """None: the firmware tells nothing to choose from."""
    internal, external = _internal(memories), _external(memories)
    if internal == AS_STARTED:
        return None
    other = memories[external] if external != AS_STARTED else None
    sizes = (network.activation_bytes, network.network_image_bytes)
    found = choose(*sizes, memories[internal].bytes_, other.bytes_ if other else 0, wish)
    if found is None:
        dead = f" (its {other.words})" if other and not other.bytes_ else ""
        raise DeviceError(
            f"{spec.name} has no room for {network.name}{dead}: an arena of {sizes[0]:,} bytes"
            f"{f' and a copy of {sizes[1]:,} bytes' if wish == 'ram' else ''}, its RAM has "
            f"{memories[internal].bytes_:,}{f' and {other.bytes_:,}' if other and other.bytes_ else ''}.",
            remedy="Use a network with a smaller input, --pose-weights=flash, or a larger board.",
        )
    return found


def _move(
    client: PoseClient,
    memories: Sequence[DeviceMemory],
    choice: Choice,
    spec: BoardSpec,
    network: NetworkDescription,
) -> None:
    places = {"flash": AS_STARTED, "internal": _internal(memories), "external": _external(memories)}
    weights = places[choice.weights]
    arena = AS_STARTED if choice.arena == "internal" else places["external"]
    try:
        client.place(weights, arena)
    except DeviceError as error:
        where = " and ".join(
            f"{what} in {memories[place].name}"
            for what, place in (("weights", weights), ("arena", arena))
            if place != AS_STARTED
        )
        raise DeviceError(
            f"{spec.name} refuses the network {network.name} with {where}: {status_sentence(error.status or 0)}",
            status=error.status,
        ) from error


def _told(client: PoseClient, memories: Sequence[DeviceMemory], spec: BoardSpec, hello: Hello) -> Places | None:
    """Where both are; on hardware, how long reading took, too: ticks of an emulator are no time."""
    weights = next((each for each in memories if each.has_weights), None)
    arena = next((each for each in memories if each.has_arena), None)
    if weights is None or arena is None:
        return None
    words = f"{weights.words}, copied" if weights.is_ram else weights.words
    if spec.kind != "hardware" or hello.time_source != "dwt":
        return Places(words, arena.words)
    size, ticks = client.memory_speed()
    return Places(words, arena.words, size, ticks * _US_PER_S / (spec.tick_hz or hello.tick_hz))
