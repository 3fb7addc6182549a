"""How deep the stack of an image can get: the longest way through its calls, read from the instructions themselves.

Frames are what a function's instructions take from the stack pointer, edges its branches to other functions. What a
call through a pointer may reach is in INDIRECT: a call that nobody has described there is an error, so is recursion.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

OBJDUMP = "arm-none-eabi-objdump"
#: What the core saves for an interrupt: 26 words with FPU state, and one that aligns them (Armv7-M, Armv8-M ARM).
EXCEPTION_FRAME = 27 * 4

_LINK = r"(serial|mailbox)_"
_WITH_PAYLOAD = "pose_app_(infer|upload|place|decoding|output)"
#: Of the kernels; those of the sets share some.
_CHECK, _RUN = r"check|pose_(?!stream)\w+_check", r"run|pose_(?!net|runtime|st|stream)\w+_run"
_ST = r"pose_st_\w+|sync|sys_info|disconnect"
#: Functions that call through a pointer, and what it may point at; whole names, without the compiler's suffixes.
INDIRECT = (
    (r"stalled|hello_waits|pose_app_next_request", _LINK + "(receive|release)"),
    (rf"pose_app_serve_running|{_WITH_PAYLOAD}", _LINK + "release"),
    (
        r"pose_app_poll|dispatch",
        rf"{_LINK}release|reset|pose_app_(hello|network_info|self_test|memory\w*|memories)|{_WITH_PAYLOAD}",
    ),
    (r"reset", _LINK + "drain"),
    (r"pose_answer\w*", _LINK + "(begin|write|end)"),
    (r"serial_receive|take|decode|give_up_frames", "take|forget"),
    ("mailbox_receive", "mailbox_release"),
    (_LINK + r"(begin|write|end|drain)|pose_serial_send|wait_\w+", "stalled"),
    (r"pose_app_st_poll|handle|start", _ST),
    (r"pose_app_self_test", "test_(crc32|timer|memory|network|kernels)"),
    (r"report", "hook|add_outputs"),
    (r"run_operators|pose_runtime_run|pose_net_run", rf"{_RUN}|report|pose_board_ticks"),
    ("run", r"convolve_(strips|windows)"),
    ("convolve_block", r"pose_mve_sum_\w+"),
    ("convolve_lines", "(squares|row|sparse)_(clamped|short|left)"),
    (r"check_operator|pose_runtime_open|pose_stream_check", _CHECK),
    (r"walk|pose_stream_run", rf"{_RUN}|{_CHECK}|pose_board_ticks|no_ticks"),
    (r"pose_postproc|pose_decode", r"pose_decode_\w+"),
    (r"pose_decode_\w+|pose_report_person", "(scored|only)_(person|keypoint)"),
)

_FUNCTION = re.compile(r"^([0-9a-f]+) <(.+)>:$")
_INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\t(\S+)(?:\t([^;@]*))?")
_TARGET = re.compile(r"^(?:\w+, )?([0-9a-f]+) <")
_CALL = re.compile(r"^(bl|b|cbn?z|b(eq|ne|cs|cc|mi|pl|vs|vc|hi|ls|ge|lt|gt|le))(\.[nw])?$")
_SUFFIX = re.compile(r"\.(constprop|part|isra|cold)\..*$|\.\d+$")


@dataclass
class Function:
    """One function of an image: what it takes of the stack, whom it calls."""

    name: str
    frame: int = 0
    calls: set[int] = field(default_factory=set)
    through_pointer: bool = False


class CallGraph:
    """The functions of one image, by address."""

    def __init__(self, elf: Path) -> None:
        text = subprocess.run(
            [OBJDUMP, "-d", "--no-show-raw-insn", str(elf)], capture_output=True, text=True, check=True
        )
        self.functions = _parse(text.stdout)
        for function in self.functions.values():
            if function.through_pointer:
                function.calls |= self._pointed_at(function)
        self._depths: dict[int, int] = {}

    def depth(self, name: str) -> int:
        """Bytes of stack from the entry of `name` on."""
        return max(self._depth(address) for address, each in self.functions.items() if each.name == name)

    def unreached(self) -> set[str]:
        """Functions with a frame that no way from a handler leads to: somebody has their address, INDIRECT does not."""
        reached: set[int] = set()
        ahead = [address for address, each in self.functions.items() if each.name.endswith("_handler")]
        while ahead:
            address = ahead.pop()
            if address not in reached:
                reached.add(address)
                ahead.extend(self.functions[address].calls)
        left = (each for address, each in self.functions.items() if address not in reached)
        return {each.name for each in left if each.frame and not each.name.startswith("__")}

    def deepest(self, name: str) -> list[str]:
        """The functions of that longest way."""
        address: int | None = max((a for a, f in self.functions.items() if f.name == name), key=self._depth)
        names = []
        while address is not None:
            function = self.functions[address]
            names.append(f"{function.name} {function.frame}")
            address = max(function.calls, key=self._depth, default=None)
        return names

    def _pointed_at(self, caller: Function) -> set[int]:
        patterns = [to for who, to in INDIRECT if re.fullmatch(who, caller.name)]
        assert patterns, f"{caller.name} calls through a pointer: say in INDIRECT what it may reach"
        wanted = re.compile("|".join(patterns))
        found = {address for address, each in self.functions.items() if wanted.fullmatch(each.name)}
        assert found, f"{caller.name}: no function is called {wanted.pattern}"
        return found

    def _depth(self, address: int, above: tuple[int, ...] = ()) -> int:
        function = self.functions[address]
        names = [self.functions[each].name for each in above]
        assert address not in above, f"recursion: {' -> '.join([*names, function.name])}"
        if address not in self._depths:
            deeper = (self._depth(each, (*above, address)) for each in function.calls)
            self._depths[address] = function.frame + max(deeper, default=0)
        return self._depths[address]


def _parse(text: str) -> dict[int, Function]:
    functions: dict[int, Function] = {}
    current, start = Function(""), -1
    for line in text.splitlines():
        if head := _FUNCTION.match(line):
            current = Function(_SUFFIX.sub("", head[2]))
            start = int(head[1], 16)
            functions[start] = current
        elif step := _INSTRUCTION.match(line):
            _read(current, step[2], (step[3] or "").strip())
            assert not step[2].startswith("bl") or start not in current.calls, f"{current.name} calls itself"
            current.calls.discard(start)  # a loop
    starts = set(functions)
    for function in functions.values():
        function.calls &= starts
    return functions


def _read(function: Function, mnemonic: str, operands: str) -> None:
    """Takes one instruction into account."""
    function.frame += _taken(mnemonic, operands)
    if _CALL.match(mnemonic) and (target := _TARGET.match(operands)):
        function.calls.add(int(target[1], 16))
    if mnemonic in ("blx", "bx") and operands != "lr":
        function.through_pointer = True


def _taken(mnemonic: str, operands: str) -> int:
    """Bytes that an instruction takes from the stack."""
    registers = operands[operands.find("{") :] if "{" in operands else ""
    if mnemonic.startswith("vpush"):
        return _count(registers) * (8 if "d" in registers else 4)
    if mnemonic.startswith("push") or (mnemonic.startswith("stmdb") and operands.startswith("sp!")):
        return _count(registers) * 4
    if (moved := re.search(r"\[sp, #-(\d+)\]!", operands)) or (
        mnemonic.startswith("sub") and (moved := re.match(r"sp, (?:sp, )?#(\d+)", operands))
    ):
        return int(moved[1])
    assert not (mnemonic.startswith("sub") and re.match(r"sp, (sp, )?r\d", operands)), (
        f"{mnemonic} {operands}: a frame of unknown size"
    )
    return 0


def _count(registers: str) -> int:
    """Registers in a list such as {r4, r5, lr} or {d8-d15}."""
    count = 0
    for part in registers.strip("{} ").split(","):
        first, _, last = part.strip().partition("-")
        count += int(last.strip()[1:]) - int(first[1:]) + 1 if last else 1
    return count
