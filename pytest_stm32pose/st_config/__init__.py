"""The configuration of ST's pose services (`user_config.yaml`, both generations) as options of this harness."""
