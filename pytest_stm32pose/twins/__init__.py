"""Boards without silicon: models of a microcontroller, its memories and its debug port."""
