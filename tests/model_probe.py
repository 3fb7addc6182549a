"""What a debug probe over a model of a board must say to pyOCD, whatever the model is."""

from __future__ import annotations

from pyocd.probe.debug_probe import DebugProbe


class PlainProbe(DebugProbe):  # type: ignore[misc]
    """SWD, nothing to set; access ports are chosen by the probe, as an ST-LINK does."""

    supported_wire_protocols = (DebugProbe.Protocol.DEFAULT, DebugProbe.Protocol.SWD)

    def __init__(self) -> None:
        super().__init__()
        self._open = False

    @property
    def wire_protocol(self) -> DebugProbe.Protocol | None:
        return DebugProbe.Protocol.SWD if self._open else None

    @property
    def is_open(self) -> bool:
        return self._open

    @property
    def capabilities(self) -> set[DebugProbe.Capability]:
        kinds = DebugProbe.Capability
        return {kinds.MANAGED_AP_SELECTION, kinds.MANAGED_DPBANKSEL, kinds.BANKED_DP_REGISTERS}

    def open(self) -> None:
        self._open = True

    def close(self) -> None:
        self._open = False

    def connect(self, protocol: DebugProbe.Protocol | None = None) -> None:
        pass

    def disconnect(self) -> None:
        pass

    def set_clock(self, frequency: float) -> None:
        pass
