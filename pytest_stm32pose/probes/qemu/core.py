"""The emulated core as a debugger sees it: halt, resume, step, reset, registers, memory, and why it stopped.

Behind it are QEMU's gdb stub and QMP; in front of it the debug registers (core_debug.py) and the memory interface.
A lock-up ends QEMU (it aborts); here it is a state of the core that a reset leaves, by starting QEMU again.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from enum import Enum
from typing import TypeVar

from pytest_stm32pose.probes.qemu import hard_fault, machine
from pytest_stm32pose.probes.qemu.faults import LinkClosed, LinkError, LinkStopped, LinkTimeout
from pytest_stm32pose.probes.qemu.gdb_remote import GdbRemote
from pytest_stm32pose.probes.qemu.inject import Injector
from pytest_stm32pose.probes.qemu.instances import Instance
from pytest_stm32pose.probes.qemu.models import MODELS
from pytest_stm32pose.probes.qemu.points import Point, Points
from pytest_stm32pose.probes.qemu.qmp import QmpClient
from pytest_stm32pose.probes.qemu.stream import LOOK_S
from pytest_stm32pose.probes.qemu.wires import Wires

REPLY_TIMEOUT_S = 30.0  # a machine that is stopped or gone is known long before
_RETRY_TIMEOUT_S = 1.0  # for one that has been silent once all the same: closing a session makes many accesses

_T = TypeVar("_T")
_INTERRUPT_ATTEMPTS = 8
_SLEEP = (0xBF30, 0xBF20)  # WFI, WFE


class Stop(Enum):
    """Why the core is halted."""

    REQUEST = 0
    BREAKPOINT = 1
    WATCHPOINT = 2
    VECTOR_CATCH = 3


class CoreLocked(LinkError):
    """The core is locked up; only a reset helps."""


class Core:
    """One attached core. Not thread-safe: pyOCD locks the probe around every access."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.model = MODELS[instance.machine]
        self.points = Points()
        self.running = False
        self.locked = False
        self.was_reset = False
        self.stop_reason = Stop.REQUEST
        self.catch_hard_fault = False
        self.catch_bkpt = True
        self.debug_enabled = True
        self._gdb: GdbRemote | None = None
        self._qmp: QmpClient | None = None
        self._injector: Injector | None = None
        self._wires: Wires | None = None
        self._sleep_pc: int | None = None
        self._silent = False
        self._stopped_before = False
        self._looked_s = 0.0  #: time.monotonic() of the last look at the process
        self._guard: int | None = None
        self.reset_hooks: list[Callable[[], None]] = []

    # --- connection ---

    def attach(self) -> None:
        """Connects. A machine that ran goes on running; one that was halted stays halted."""
        self._qmp = QmpClient(self.instance.probe_qmp, self.instance.qemu, REPLY_TIMEOUT_S)
        self._wires = Wires(self.instance.qtest_socket, self.instance.qemu, REPLY_TIMEOUT_S)
        self.running = bool(self._qmp.command("query-status")["running"])
        self._open_gdb()

    def detach(self) -> None:
        """Disconnects; breakpoints go, the core stays as it is (running or halted)."""
        with contextlib.suppress(LinkError):
            if self._gdb is not None and not self.locked:
                self.points.clear()
                if self.running:
                    self.release()
                else:
                    self.points.sync(self.gdb)
        self._close_links()

    @property
    def gdb(self) -> GdbRemote:
        if self.locked:
            raise CoreLocked("the core is locked up (a fault inside the HardFault handler)")
        if self._gdb is None:
            self._open_gdb()
        assert self._gdb is not None
        return self._gdb

    @property
    def injector(self) -> Injector:
        gdb = self.gdb
        if self.running:  # paused for one access
            self._note_sleep()
        if self._injector is None:
            self._injector = Injector(gdb, self.model.scratch, self._single_step)
        return self._injector

    def guarded(self, action: Callable[[], _T]) -> _T:
        """Runs an action on the link. After a lost or silent link the next access connects anew.

        An action that finds the core locked up is run again: what can be said of a locked-up core is said then.
        """
        self._check_runs()
        try:
            result = action()
            if self._silent and self._gdb is not None:
                self._silent = False
                self._gdb.reply_timeout_s = REPLY_TIMEOUT_S
            return result
        except (LinkClosed, LinkTimeout) as error:
            self._drop_gdb()
            self._stopped_before = isinstance(error, LinkStopped)
            self._silent = isinstance(error, LinkTimeout) and not self._stopped_before
            if isinstance(error, LinkClosed):
                machine.await_end(self.instance)
            if machine.lockup_report(self.instance):
                self.locked = True
                self.running = False
                return action()
            raise

    def _check_runs(self) -> None:
        """Raises LinkStopped. Memory that is a file can be read from a stopped machine too: nobody would notice."""
        now_s = time.monotonic()
        if now_s - self._looked_s < LOOK_S and not self._stopped_before:
            return
        self._looked_s = now_s
        if self.instance.qemu.is_stopped():
            is_news, self._stopped_before = not self._stopped_before, True
            raise LinkStopped(self.instance.qemu.pid, is_news=is_news)
        self._stopped_before = False

    # --- memory ---

    def read_memory(self, address: int, length: int) -> bytes:
        return self._pause_for(lambda: self.gdb.read_memory(address, length))

    def write_memory(self, address: int, data: bytes) -> None:
        self._pause_for(lambda: self.gdb.write_memory(address, data))

    def store(self, address: int, value: int, size: int) -> None:
        """Writes a device register, by an instruction on the core."""
        self._pause_for(lambda: self.injector.store(address, value, size))

    # --- execution ---

    def poll(self, timeout_s: float) -> bool:
        """Looks whether the core has stopped by itself, waiting at most `timeout_s`. True: it is halted."""
        if self.running and not self.locked:
            stop = self.gdb.poll_stop(timeout_s)
            if stop is not None:
                self._stopped(stop)
        return not self.running

    def halt(self) -> None:
        if self.running and self._interrupt():
            self.running = False
            self.stop_reason = Stop.REQUEST
            self._note_sleep()

    def resume(self) -> None:
        if self.running:
            return
        if self._sleep_pc is not None and self._sleep_pc != self.gdb.read_register("pc"):
            self._single_step(mask_interrupts=True)
        self._arm()
        self.gdb.resume()
        self.running = True

    def release(self) -> None:
        """Debugging is switched off: no breakpoint halts the core any more, and it runs, wherever it was halted."""
        self.debug_enabled = False
        self.halt()
        self.resume()

    def step(self, mask_interrupts: bool) -> None:
        gdb = self.gdb
        pc = gdb.read_register("pc")
        if hard_fault.halfword(gdb, pc) in _SLEEP:
            gdb.write_register("pc", pc + 2)  # WFI and WFE are hints; a core under halting debug does not sleep
        else:
            self._single_step(mask_interrupts)
        self.stop_reason = Stop.REQUEST

    def reset(self, halt: bool) -> None:
        """System reset. RAM keeps its contents; a locked-up or dead machine is started again instead."""
        if self.locked or not machine.is_alive(self.instance):
            self._restart()
        else:
            self.halt()
            assert self._qmp is not None
            self._qmp.clear_events()
            self._qmp.command("system_reset")
            self._qmp.wait_event("RESET", REPLY_TIMEOUT_S)
        for hook in self.reset_hooks:
            hook()
        self.was_reset = True
        self._sleep_pc = None
        self.stop_reason = Stop.VECTOR_CATCH
        if not halt:
            self.resume()

    # --- connection, continued ---

    def _open_gdb(self) -> None:
        timeout_s = _RETRY_TIMEOUT_S if self._silent else REPLY_TIMEOUT_S
        self._gdb = GdbRemote(self.instance.gdb_socket, self.instance.qemu, timeout_s)
        self._injector = None
        if not self.running:
            self._note_sleep()
        else:
            self.points.reinsert(self._gdb)
            self._gdb.resume()

    def _close_links(self) -> None:
        for link in (self._gdb, self._qmp, self._wires):
            if link is not None:
                link.close()
        self._gdb = self._qmp = self._wires = self._injector = None

    def _drop_gdb(self) -> None:
        if self._gdb is not None:
            self._gdb.close()
        self._gdb = self._injector = None

    def _restart(self) -> None:
        self._close_links()
        self.instance = machine.restart(self.instance)
        self.locked = False
        self.points.forget_inserted()
        self.attach()

    # --- stops ---

    def _pause_for(self, action: Callable[[], _T]) -> _T:
        """Runs an action with the machine stopped; afterwards it runs on, unless it had stopped for a reason."""
        if not self.running or not self._interrupt():
            return action()
        try:
            return action()
        finally:
            self.gdb.resume()

    def _interrupt(self) -> bool:
        """Stops the machine. True: for this request alone (the caller decides whether the core counts as running)."""
        for _ in range(_INTERRUPT_ATTEMPTS):
            reply = self.gdb.interrupt()
            if reply.startswith("T02"):
                return True
            self._stopped(reply)
            if not self.running:
                return False
        raise LinkTimeout("the core keeps faulting and cannot be halted")

    def _stopped(self, reply: str) -> None:
        """Decides what a stop means; a stop of the HardFault guard may end with the core running again."""
        self.running = False
        if "watch:" in reply:
            # QEMU stops before the access, a Cortex-M after it.
            self.points.remove_watchpoints(self.gdb)
            self._single_step(mask_interrupts=True)
            self.stop_reason = Stop.WATCHPOINT
            return
        if not reply.startswith("T05"):
            self.stop_reason = Stop.REQUEST
            return
        pc = self.gdb.read_register("pc")
        if pc == self._guard and not self.points.user_wants(pc):
            self._hard_fault()
        else:
            self.stop_reason = Stop.BREAKPOINT

    def _hard_fault(self) -> None:
        """The core is at the first instruction of its HardFault handler."""
        in_hard_fault = self.gdb.read_register("xpsr") & 0x1FF == hard_fault.HARD_FAULT
        if in_hard_fault and hard_fault.undo_bkpt(self.gdb, self.injector):
            self.stop_reason = Stop.BREAKPOINT
        elif in_hard_fault and self.catch_hard_fault:
            self.stop_reason = Stop.VECTOR_CATCH
        else:
            self.step(mask_interrupts=True)
            self.gdb.resume()
            self.running = True

    def _arm(self) -> None:
        """Puts the breakpoints where they are needed for the coming run."""
        gdb = self.gdb
        self._guard = None
        if not self.debug_enabled:
            self.points.remove_all(gdb)
            return
        if self.catch_hard_fault or self.catch_bkpt:
            self._guard = hard_fault.handler_address(gdb)
        lr = gdb.read_register("lr") & ~1
        flash_return = lr if lr < 0xF0000000 and hard_fault.is_bkpt(gdb, lr) else None
        self.points.sync(gdb, {Point(0, at, 2) for at in (self._guard, flash_return) if at is not None})

    def _single_step(self, mask_interrupts: bool) -> None:
        """Executes one instruction. A core halted in its sleep would never execute it: it is woken first."""
        if self._sleep_pc is None:
            self.gdb.step(mask_interrupts)
            return
        assert self._wires is not None
        pended = self._wires.pend_wake_up()
        try:
            self.gdb.step(mask_interrupts=True)
            self._sleep_pc = None
        finally:
            if pended:
                self._wires.clear_wake_up()

    def _note_sleep(self) -> None:
        """Remembers whether the core was stopped in its sleep: QEMU keeps it asleep, whatever the debugger does."""
        pc = self.gdb.read_register("pc")
        self._sleep_pc = pc if hard_fault.halfword(self.gdb, pc - 2) in _SLEEP else None
