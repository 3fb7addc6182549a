"""Debug probes: the pyOCD session (session.py) and the pyOCD probe plugin for emulated boards (qemu/)."""
