"""One picture through device and golden: what came back, where it left the golden first, every figure of it."""
