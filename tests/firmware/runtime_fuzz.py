"""Opens and runs damaged network images on a host library; started by test_runtime_fuzz.py under AddressSanitizer.

    python -m tests.firmware.runtime_fuzz LIBRARY fields|streams|wide|overrun

Every field of the header and of every table row, every parameter word and a sample of the constants is replaced by
each of a list of values, the CRC is made right again, and the image is opened; what opens is run. Memory errors end the
process. `fields` takes the tiny network, `streams` one that is streamed, `wide` one whose operators have many operands
(the operators' fields, and a sample of the others). Prints one line of JSON: "open STATUS" and "run STATUS" -> count.
`overrun` makes one memory error on purpose.
"""

from __future__ import annotations

import json
import random
import struct
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from pytest_stm32pose.network import image as layout
from pytest_stm32pose.network.compile import compile_bytes
from pytest_stm32pose.network.image import NetworkImage, parse_image
from tests.firmware.chain_network import chain_network
from tests.firmware.runtime_host import HostNet
from tests.firmware.tiny_network import tiny_network, tiny_picture
from tests.firmware.wide_network import wide_network

#: Where the header has the offsets of tensors, operators, operands, parameters, constants.
TABLES = (128, 136, 144, 148, 156)
CONST_SAMPLE = 400
STREAMED_SEED = 158
RANDOM_IMAGES = 1500
MANY, SAMPLE = 64, 300  #: tensors; fields of such a network
_SIZES = {"B": 1, "H": 2, "I": 4, "i": 4, "f": 4, "Q": 8}


def fields(fmt: str, start: int) -> Iterator[tuple[int, int]]:
    """(offset, bytes) of every number in a struct at `start`; texts and hashes count as their first and last bytes."""
    position, repeat = start, ""
    for letter in fmt.removeprefix("<"):
        if letter.isdigit():
            repeat += letter
            continue
        count = int(repeat or 1)
        repeat = ""
        if letter == "s":
            yield from ((position, 1), (position + count - 1, 1))
            position += count
            continue
        for _ in range(count):
            yield position, _SIZES[letter]
            position += _SIZES[letter]


def targets(image: bytes, parsed: NetworkImage, rnd: random.Random) -> Iterator[tuple[int, int]]:
    """(offset, bytes) of everything that is replaced."""
    yield from fields(layout.HEADER.format, 0)
    tensors, ops, operands, params, consts = (struct.unpack_from("<I", image, at)[0] for at in TABLES)
    for row in range(len(parsed.tensors)):
        yield from fields(layout.TENSOR.format, tensors + row * layout.TENSOR.size)
    for row in range(len(parsed.ops)):
        yield from fields(layout.OP.format, ops + row * layout.OP.size)
    operand_count = struct.unpack_from("<I", image, 140)[0]
    yield from ((operands + 2 * i, 2) for i in range(operand_count))
    yield from ((params + 4 * i, 4) for i in range(parsed.params_bytes // 4))
    yield from ((params + i, 1) for i in range(parsed.params_bytes))
    yield from ((consts + rnd.randrange(parsed.consts_bytes), 1) for _ in range(CONST_SAMPLE))


def values(old: int, size: int) -> set[int]:
    """What a field of `size` bytes is replaced by."""
    bits = 8 * size
    near = (old + d for d in (1, -1, 2, 4, 8, 16, -16, 64, 4096))
    edges = (0, 1, 2, 3, 5, 31, 32, 33, 255, 1 << (bits - 1), (1 << (bits - 1)) - 1, (1 << bits) - 1, (1 << bits) - 16)
    return {value % (1 << bits) for value in (*near, *edges, old * 2, old ^ 0x80, old << 8)} - {old}


def mutants(image: bytes, parsed: NetworkImage, rnd: random.Random) -> Iterator[bytearray]:
    """Every damaged image, its CRC made right."""
    places = list(targets(image, parsed, rnd))
    if len(parsed.tensors) > MANY:
        ops = struct.unpack_from("<I", image, TABLES[1])[0]
        end = ops + len(parsed.ops) * layout.OP.size
        places = [place for place in places if ops <= place[0] < end] + rnd.sample(places, SAMPLE)
    for offset, size in places:
        for value in sorted(values(int.from_bytes(image[offset : offset + size], "little"), size)):
            yield replaced(image, [(offset, size, value)])
    for _ in range(RANDOM_IMAGES):
        some = rnd.sample(places, rnd.choice((2, 3, 4)))
        yield replaced(image, [(offset, size, rnd.randrange(1 << (8 * size))) for offset, size in some])


def replaced(image: bytes, changes: list[tuple[int, int, int]]) -> bytearray:
    """A copy with the changes (offset, bytes, value) and a right CRC."""
    copy = bytearray(image)
    for offset, size, value in changes:
        copy[offset : offset + size] = value.to_bytes(size, "little")
    if not any(layout.CRC_OFFSET <= offset < layout.CRC_OFFSET + 4 for offset, _, _ in changes):
        struct.pack_into("<I", copy, layout.CRC_OFFSET, layout.image_crc32(copy))
    return copy


def try_image(net: HostNet, image: bytes, counts: Counter[str]) -> None:
    """Opens the image; runs and decodes what opens."""
    status = net.open(image)
    counts[f"open {status}"] += 1
    if status != 0:
        return
    wanted = net.info().input.contents.bytes
    run = net.run(np.resize(tiny_picture(), wanted), keep=False)
    counts[f"run {run.status}"] += 1
    if run.status == 0:
        net.output(0)
        net.decode()


def overrun(net: HostNet, image: bytes) -> None:
    """An image that says it is longer than its buffer, by a caller that says so too: the CRC reads beyond."""
    longer = replaced(image, [(8, 4, len(image) + 16)])
    net.open(bytes(longer), max_bytes=len(longer) + 16)


def main(library: str, what: str) -> None:
    networks: dict[str, Callable[[], bytes]] = {
        "streams": partial(chain_network, STREAMED_SEED),
        "wide": wide_network,
    }
    image = compile_bytes(networks.get(what, tiny_network)(), "tiny").image
    parsed = parse_image(image)
    assert any(op.streamed for op in parsed.ops) == (what == "streams")
    net = HostNet(Path(library), parsed.arena_bytes, guard=0)
    counts: Counter[str] = Counter()
    if what == "overrun":
        overrun(net, image)
    else:
        for mutant in mutants(image, parsed, random.Random(3)):
            try_image(net, bytes(mutant), counts)
    print(json.dumps(counts))


if __name__ == "__main__":
    main(*sys.argv[1:])
