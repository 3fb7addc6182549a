"""A pyOCD debug probe whose target is a twin. Only pyOCD loads it, through its `pyocd.probe` entry point."""
