"""The STM32N6: nor.py is the chip, xspi.py its controller, memory.py the map, device.py the rest of the registers.

Built from the sources named in each file, not from the code under test; what the model is stricter about than silicon
is said where it is.
"""
