"""A board kept ready: opened, flashed, its firmware running, the network loaded. One file for each kind of firmware."""
