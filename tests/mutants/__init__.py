"""Defects of the host, as pytest plugins that replace a function of the package (tests/mutations.py)."""
