"""The host's side of the serial protocol of ST's validation firmware (aiValidation, NPU_Validation), all generations.

find (who is there: search, heard) -> client over exchange (requests) over link (messages) over framing (packets);
messages and wire are the protobuf; runner, tensors and formats bring a network's tensors to those of its .tflite.
"""
