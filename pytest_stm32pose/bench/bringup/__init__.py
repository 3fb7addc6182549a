"""`stm32pose bringup`: the first hour with a board, step by step. What judges a step is apart from what does it."""
