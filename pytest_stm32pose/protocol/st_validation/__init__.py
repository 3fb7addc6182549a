"""The host's side of the serial protocol of ST's validation firmware (aiValidation, NPU_Validation), version 3.1."""
