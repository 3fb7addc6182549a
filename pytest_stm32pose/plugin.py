"""pytest only: options."""
