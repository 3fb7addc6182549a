"""An STM32N6 board without silicon: memory, registers, a NOR chip, and a debug probe that unmodified pyOCD opens.

It has no running firmware. Only calls by the debugger run (flash algorithms), on unicorn's Arm core, with every access
to a register answered by pytest_stm32pose/twins/n6. debug.py is the core's debug registers, calls.py runs calls,
probe.py is what pyOCD sees.
"""
