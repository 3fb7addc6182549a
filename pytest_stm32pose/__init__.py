"""pytest-stm32pose: hardware-in-the-loop tests of pose-estimation networks on STM32 boards, real or emulated."""

__version__ = "0.1.0"
