"""The STM32F405 of the board "f405".

Built from the sources that each file names, not from the firmware; what a model leaves out, its file says. No silicon
was at hand to compare with.
"""
