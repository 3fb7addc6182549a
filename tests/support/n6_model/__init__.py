"""An STM32N6 board without silicon: memory, registers, a NOR chip, and a debug probe that unmodified pyOCD opens.

It has no running firmware. Only calls by the debugger run (flash algorithms), on unicorn's Arm core, with every access
to a register answered here. nor.py is the chip, xspi.py its controller, memory.py the map, debug.py the core's debug
registers, calls.py runs calls, probe.py is what pyOCD sees. Built from the sources named in each file, not from the
code under test; what the model is stricter about than silicon is said where it is.
"""
