"""The STM32H743 of NUCLEO-H743ZI2 and the STM32H747 of STM32H747I-DISCO, seen from their Cortex-M7.

Built from the sources that each file names, not from the firmware; where a model is stricter than silicon, or leaves
something out, its file says so. No silicon was at hand to compare with.
"""
