"""ST's messages for google.protobuf, built at run time: an encoder and decoder that shares nothing with ours.

SCHEMA is generation A's; B and C say more in two messages (GENERATIONS).
"""

from __future__ import annotations

from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

#: message: number, label, type, name; r required, o optional, * repeated, 1 member of the oneof.
SCHEMA = """
reqMsg: 1 r uint32 reqid, 2 r uint32 cmd, 3 r uint32 param, 4 r string name, 5 r uint32 opt
syncMsg: 1 r uint32 version, 4 r uint32 capability, 5 r uint32 rtid
sysinfoMsg: 1 r uint32 devid, 2 r uint32 sclock, 3 r uint32 hclock, 4 r uint32 cache, 5 * uint32 extra
ackMsg: 1 r uint32 param, 2 r uint32 error
logMsg: 1 r uint32 level, 2 r string text
aiTensorDescMsg: 1 r string name, 2 r uint32 format, 3 r uint32 size, 4 r uint32 n_dims, 5 * uint32 dims, \
6 r float scale, 7 r int32 zeropoint, 8 r uint32 addr, 9 r uint32 flags
aiDataMsg: 1 r uint32 type, 2 r uint32 size, 3 r uint32 addr, 4 r bytes datas
aiOperatorMsg: 1 r string name, 2 r uint32 type, 3 r uint32 id, 4 r float duration, 5 r uint32 counter_type, \
6 * uint32 counters, 7 r int32 stack_used, 8 r int32 heap_used
aiTensorMsg: 1 r aiTensorDescMsg desc, 2 r aiDataMsg data
aiModelInfoMsg: 1 r string name, 2 r uint32 rtid, 3 r string signature, 4 r string compile_datetime, \
5 r uint32 runtime_version, 6 r uint32 tool_version, 7 r uint64 n_macc, 8 r uint32 n_nodes, 10 r uint32 n_inputs, \
11 * aiTensorDescMsg inputs, 12 r uint32 n_outputs, 13 * aiTensorDescMsg outputs, 14 r uint32 n_activations, \
15 * aiTensorDescMsg activations, 16 r uint32 n_params, 17 * aiTensorDescMsg params, 20 r string runtime_desc
respMsg: 1 r uint32 reqid, 2 r uint32 state, 10 1 syncMsg sync, 11 1 sysinfoMsg sinfo, 12 1 ackMsg ack, \
13 1 logMsg log, 15 1 aiDataMsg data, 16 1 aiOperatorMsg op, 17 1 aiTensorMsg tensor, 22 1 aiModelInfoMsg minfo
"""
#: What the later generations have instead of a line of SCHEMA.
_LATER_SINFO = (
    "5 * uint32 extra",
    "5 r uint32 com_param, 6 * uint32 extra",
)
_LATER_MINFO = (
    "20 r string runtime_desc",
    "20 r string runtime_desc, 21 r float n_install_time, 22 r float n_init_time",
)
GENERATIONS = {
    "A": SCHEMA,
    "B": SCHEMA.replace(*_LATER_SINFO),
    "C": SCHEMA.replace(*_LATER_SINFO).replace(*_LATER_MINFO),
}
_FIELD = descriptor_pb2.FieldDescriptorProto
_LABELS = {"r": _FIELD.LABEL_REQUIRED, "*": _FIELD.LABEL_REPEATED, "1": _FIELD.LABEL_OPTIONAL}


@cache
def _pool(schema: str) -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="st.proto", syntax="proto2")
    for line in schema.strip().splitlines():
        name, _, fields = line.partition(":")
        message = file.message_type.add(name=name)
        for text in fields.split(","):
            number, label, kind, field = text.split()
            added = message.field.add(name=field, number=int(number), label=_LABELS[label])
            if kind[0].islower() and hasattr(_FIELD, f"TYPE_{kind.upper()}"):
                added.type = getattr(_FIELD, f"TYPE_{kind.upper()}")
            else:
                added.type, added.type_name = _FIELD.TYPE_MESSAGE, f".{kind}"
            if label == "1":
                if not message.oneof_decl:
                    message.oneof_decl.add(name="payload")
                added.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


@cache
def reference(name: str, generation: str = "A") -> Any:
    """The message class by ST's name, for example reference("reqMsg")."""
    return message_factory.GetMessageClass(_pool(GENERATIONS[generation]).FindMessageTypeByName(name))
