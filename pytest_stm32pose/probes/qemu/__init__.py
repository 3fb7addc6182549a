"""A pyOCD debug probe whose target is a QEMU machine. Only pyOCD loads it, through its `pyocd.probe` entry point."""
