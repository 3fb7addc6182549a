"""What ST's generator leaves beside a network: its C files, its data, its report."""
