"""What a session asks of a firmware about its memories, and what it says when they do not do."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from pytest_stm32pose.bench.places import memory_words, settle
from pytest_stm32pose.boards.catalog import board_spec
from pytest_stm32pose.errors import ConfigError, DeviceError
from pytest_stm32pose.models.zoo import default_model
from pytest_stm32pose.network.compile import compile_model
from pytest_stm32pose.protocol.messages import AS_STARTED, Capability
from pytest_stm32pose.types import DeviceMemory, Hello, NetworkDescription, Places

NOR = DeviceMemory("nor", "octal DTR 50 MHz", 0x71000000, 16 << 20, False, True, True, False)
AXISRAM = DeviceMemory("axisram", "", 0x34100000, 2816 << 10, True, False, False, True)
PSRAM = DeviceMemory("psram", "16-line DTR 50 MHz", 0x90000000, (32 << 20) - 32, True, True, False, False)
DEAD = replace(PSRAM, mode="does not answer", bytes_=0)
HELLO = Hello("0", 1, ~0, "n6", "stm32n657x0", "runtime", "mve", "", 0, 600_000_000, 600_000_000, "dwt", "", 2, 9, 64)


@dataclass
class Client:
    """A device that does as it is told, unless it refuses."""

    table: tuple[DeviceMemory, ...] = (NOR, AXISRAM, PSRAM)
    refuses: int = 0
    placed: list[tuple[int, int]] = field(default_factory=list)

    def memories(self) -> tuple[DeviceMemory, ...]:
        weights, arena = self.placed[-1] if self.placed else (AS_STARTED, AS_STARTED)
        weights, arena = (default if at == AS_STARTED else at for at, default in ((weights, 0), (arena, 1)))
        return tuple(replace(each, has_weights=i == weights, has_arena=i == arena) for i, each in enumerate(self.table))

    def place(self, weights: int, arena: int) -> None:
        if self.refuses:
            raise DeviceError("refused", status=self.refuses)
        self.placed.append((weights, arena))

    def memory_speed(self) -> tuple[int, int]:
        return 1 << 20, 6_000_000


@pytest.fixture(scope="module")
def network() -> NetworkDescription:
    return replace(compile_model(default_model()).description, activation_bytes=1 << 20, network_image_bytes=1 << 20)


def asked(client: Client, network: NetworkDescription, wish: str = "flash", board: str = "n6") -> Places | None:
    return settle(client, board_spec(board), HELLO, network, wish)[1]  # type: ignore[arg-type]


def test_the_weights_stay_in_flash_and_their_speed_is_measured(network: NetworkDescription) -> None:
    client = Client()
    assert asked(client, network) == Places("nor octal DTR 50 MHz", "axisram", 1 << 20, 10_000.0)
    assert client.placed == []


@pytest.mark.parametrize(
    ("arena", "image", "wish", "placed", "told"),
    [
        (1 << 20, 1 << 20, "ram", [(1, AS_STARTED)], ("axisram, copied", "axisram")),
        (1 << 20, 1 << 20, "auto", [(1, AS_STARTED)], ("axisram, copied", "axisram")),
        (2 << 20, 1 << 20, "auto", [], ("nor octal DTR 50 MHz", "axisram")),
        (2 << 20, 1 << 20, "ram", [(2, AS_STARTED)], ("psram 16-line DTR 50 MHz, copied", "axisram")),
        (4 << 20, 1 << 20, "flash", [(AS_STARTED, 2)], ("nor octal DTR 50 MHz", "psram 16-line DTR 50 MHz")),
        (4 << 20, 1 << 20, "ram", [(1, 2)], ("axisram, copied", "psram 16-line DTR 50 MHz")),
    ],
)
def test_places_follow_the_sizes(
    network: NetworkDescription,
    arena: int,
    image: int,
    wish: str,
    placed: list[tuple[int, int]],
    told: tuple[str, str],
) -> None:
    client = Client()
    found = asked(client, replace(network, activation_bytes=arena, network_image_bytes=image), wish)
    assert client.placed == placed
    assert found is not None
    assert (found.weights, found.arena) == told


def test_nothing_is_timed_on_a_virtual_board(network: NetworkDescription) -> None:
    assert asked(Client(), network, board="qemu-m55") == Places("nor octal DTR 50 MHz", "axisram")


def test_a_memory_that_did_not_start_is_named(network: NetworkDescription) -> None:
    with pytest.raises(DeviceError) as caught:
        asked(Client((NOR, AXISRAM, DEAD)), replace(network, activation_bytes=4 << 20))
    assert str(caught.value).startswith(
        "n6 has no room for stick_pose_96_int8 (its psram does not answer): an arena of"
    )


def test_a_refusal_says_what_was_to_go_where(network: NetworkDescription) -> None:
    with pytest.raises(DeviceError) as caught:
        asked(Client(refuses=11), network, "ram")
    assert "n6 refuses the network stick_pose_96_int8 with weights in axisram: the network needs more memory" in str(
        caught.value
    )


def test_an_older_firmware_runs_from_flash_and_says_so_where_it_matters(network: NetworkDescription) -> None:
    old = replace(HELLO, capabilities=~int(Capability.MEMORIES))
    assert settle(Client(), board_spec("n6"), old, network, "auto") == ((), None)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="cannot copy weights to RAM"):
        settle(Client(), board_spec("n6"), old, network, "ram")  # type: ignore[arg-type]


def test_external_memories_in_words() -> None:
    assert memory_words((NOR, AXISRAM, PSRAM)) == "nor octal DTR 50 MHz, psram 16-line DTR 50 MHz"
    assert memory_words((AXISRAM,)) == "none"
