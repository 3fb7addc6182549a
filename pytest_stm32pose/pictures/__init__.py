"""Where a picture enters: files, their labels, and what becomes the network's input."""
