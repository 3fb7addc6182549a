"""Names of the probe's options in a pyOCD session."""

CATCH_BKPT = "stm32pose_qemu.catch_bkpt"
