"""pyOCD logs tracebacks and what it cannot open; whoever calls it here says it in a sentence of his own."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """pyOCD's log is silent meanwhile."""
    logger = logging.getLogger("pyocd")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
