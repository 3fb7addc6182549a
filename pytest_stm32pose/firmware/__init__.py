"""From sources and generated networks to a firmware file."""
