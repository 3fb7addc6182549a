"""One run: what its options name, what was measured, what became of its tests, and the record of it all."""
