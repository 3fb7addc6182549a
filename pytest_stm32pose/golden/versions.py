"""Versions of operators that LiteRT's reference kernels know less of than its others: the newest converters write them
for types that the older version runs as well. The interpreter is given the file with the older number.

LiteRT 2.3 registers DEPTH_TO_SPACE 2, SQUEEZE 2 and TILE 3 (8-bit and boolean tensors) for its optimised kernels only,
though both registrations name the same functions (tflite/kernels/register.cc and register_ref.cc).
"""

from __future__ import annotations

import struct

from pytest_stm32pose.network.flatbuffer import FlatBufferError, Table
from pytest_stm32pose.network.schema import operator_name

#: Operator -> the newest version that the reference kernels are registered for.
REGISTERED = {"DEPTH_TO_SPACE": 1, "SQUEEZE": 1, "TILE": 2}
#: Versions up to these mean the same.
_SAME = {"DEPTH_TO_SPACE": 2, "SQUEEZE": 2, "TILE": 3}
_CODES, _OLD_CODE, _VERSION, _CODE = 1, 0, 2, 3  #: slots of the schema's tables


def with_registered_versions(content: bytes) -> bytes:
    """The .tflite with those versions lowered; as it is where it has none, or is damaged, which LiteRT will say."""
    changed = bytearray(content)
    try:
        model = Table.root(content)
        for index in range(model.count(_CODES)):
            code = model.item(_CODES, index)
            name = operator_name(max(code.scalar(_OLD_CODE, "<b", 0), code.scalar(_CODE, "<i", 0)))
            place = code.place(_VERSION, "<i")
            known = REGISTERED.get(name)
            if place is not None and known is not None and known < code.scalar(_VERSION, "<i", 1) <= _SAME[name]:
                struct.pack_into("<i", changed, place, known)
    except FlatBufferError:
        return content
    return bytes(changed)
