"""What models of STM32 microcontrollers share: board.py puts memories and blocks of registers on the bus."""
