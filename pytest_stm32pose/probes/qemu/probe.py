"""pyOCD's DebugProbe for an emulated board. Link errors become pyOCD's exceptions here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pyocd.board.board import Board
from pyocd.board.board_ids import BoardInfo
from pyocd.core import exceptions
from pyocd.probe.debug_probe import DebugProbe

from pytest_stm32pose.probes.qemu import instances, machine
from pytest_stm32pose.probes.qemu.core import Core, CoreLocked
from pytest_stm32pose.probes.qemu.core_debug import CoreDebug
from pytest_stm32pose.probes.qemu.dap import DebugAccessPort
from pytest_stm32pose.probes.qemu.faults import AccessFault, LinkClosed, LinkError, LinkStopped, LinkTimeout
from pytest_stm32pose.probes.qemu.instances import Instance
from pytest_stm32pose.probes.qemu.memory import QemuMemory
from pytest_stm32pose.probes.qemu.options import CATCH_BKPT
from pytest_stm32pose.probes.targets import register_target


class QemuProbe(DebugProbe):  # type: ignore[misc]
    """One board instance, found by its unique id in the user's runtime directory."""

    def __init__(self, instance: Instance) -> None:
        super().__init__()
        self._instance = instance
        self._port = DebugAccessPort()
        self._core: Core | None = None
        self._debug: CoreDebug | None = None
        self._memory: QemuMemory | None = None
        self._connected = False
        self._reset_asserted = False

    @classmethod
    def get_all_connected_probes(cls, unique_id: str | None = None, is_explicit: bool = False) -> list[QemuProbe]:
        return [cls(instance) for instance in instances.all_instances() if not instance.is_twin]

    @classmethod
    def get_probe_with_id(cls, unique_id: str, is_explicit: bool = False) -> QemuProbe | None:
        instance = instances.find(unique_id)
        return cls(instance) if instance and not instance.is_twin else None

    # --- identity ---

    @property
    def vendor_name(self) -> str:
        return "QEMU"

    @property
    def product_name(self) -> str:
        return f"{self._instance.machine} ({self._instance.board})"

    @property
    def description(self) -> str:
        return f"{self.vendor_name} {self.product_name}"

    @property
    def unique_id(self) -> str:
        return self._instance.unique_id

    @property
    def supported_wire_protocols(self) -> list[DebugProbe.Protocol]:
        return [DebugProbe.Protocol.DEFAULT, DebugProbe.Protocol.SWD]

    @property
    def wire_protocol(self) -> DebugProbe.Protocol | None:
        return DebugProbe.Protocol.SWD if self._connected else None

    @property
    def is_open(self) -> bool:
        return self._core is not None

    @property
    def capabilities(self) -> set[DebugProbe.Capability]:
        kinds = DebugProbe.Capability
        return {kinds.MANAGED_AP_SELECTION, kinds.MANAGED_DPBANKSEL, kinds.BANKED_DP_REGISTERS}

    @property
    def associated_board_info(self) -> BoardInfo:
        return BoardInfo(name=self._instance.board, target=register_target(self._instance.target), vendor="QEMU")

    def create_associated_board(self) -> Board:
        assert self.session is not None
        return Board(self.session, board_info=self.associated_board_info)

    # --- life cycle ---

    def open(self) -> None:
        assert self.session is not None
        core = Core(self._instance)
        core.catch_bkpt = bool(self.session.options.get(CATCH_BKPT))
        try:
            self._translate(core.attach)
        except exceptions.Error:
            core.detach()
            raise
        self._core = core
        self._debug = CoreDebug(core)
        self._memory = QemuMemory(core, self._debug, self._translate)

    def close(self) -> None:
        if self._memory is not None:
            self._memory.close()
        if self._core is not None:
            self._core.detach()
            self._instance = self._core.instance
        self._core = self._debug = self._memory = None
        self._connected = False

    def connect(self, protocol: DebugProbe.Protocol | None = None) -> None:
        self._connected = True

    def disconnect(self) -> None:
        self._connected = False

    def set_clock(self, frequency: float) -> None:
        """An emulated wire has no clock."""

    # --- reset ---

    def reset(self) -> None:
        assert self._debug is not None
        self._translate(self._debug.reset)

    def assert_reset(self, asserted: bool) -> None:
        assert self._core is not None
        if asserted:
            self._translate(self._core.halt)
        elif self._reset_asserted:
            self.reset()
        self._reset_asserted = asserted

    def is_reset_asserted(self) -> bool:
        return self._reset_asserted

    # --- DAP ---

    def read_dp(self, addr: int, now: bool = True) -> object:
        value = self._port.read_dp(addr)
        return value if now else lambda: value

    def write_dp(self, addr: int, data: int) -> None:
        self._port.write_dp(addr, data)

    def read_ap(self, addr: int, now: bool = True) -> object:
        value = self._port.read_ap(addr)
        return value if now else lambda: value

    def write_ap(self, addr: int, data: int) -> None:
        self._port.write_ap(addr, data)

    def read_ap_multiple(self, addr: int, count: int = 1, now: bool = True) -> object:
        values = [self._port.read_ap(addr)] * count
        return values if now else lambda: values

    def write_ap_multiple(self, addr: int, values: Sequence[int]) -> None:
        for value in values:
            self._port.write_ap(addr, value)

    def get_memory_interface_for_ap(self, ap_address: Any) -> QemuMemory | None:
        return self._memory if ap_address.nominal_address == 0 else None

    # --- errors ---

    def _translate(self, action: Callable[..., object], *arguments: object) -> object:
        """Runs an action; what goes wrong on the link becomes the exception pyOCD has for it."""
        name = f"{self._instance.board} ({self._instance.unique_id})"
        try:
            if self._core is None:
                return action(*arguments)
            return self._core.guarded(lambda: action(*arguments))
        except AccessFault as error:
            raise exceptions.TransferFaultError(fault_address=error.address, length=error.length) from error
        except LinkStopped as error:
            # pyOCD asks again after a timeout, some times for ten seconds; after a probe's error it does not.
            kind = exceptions.TransferTimeoutError if error.is_news else exceptions.ProbeError
            raise kind(f"{name} is silent: {error}") from error
        except LinkTimeout as error:
            raise exceptions.TransferTimeoutError(f"{name} is silent: {error}") from error
        except CoreLocked as error:
            raise exceptions.TransferError(f"{name}: {error}; reset it") from error
        except LinkClosed as error:
            instance = self._core.instance if self._core else self._instance
            reason = machine.death_reason(instance) or str(error)
            raise exceptions.ProbeDisconnected(f"{name} is gone: {reason}") from error
        except LinkError as error:
            raise exceptions.ProbeError(f"{name}: {error}") from error
