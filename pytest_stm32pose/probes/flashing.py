"""Flash through pyOCD: sectors written by their region's algorithm, and chips mapped that cannot be read before.

What an algorithm refuses becomes a FlashError; pyOCD's other exceptions pass through.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pyocd.core import exceptions
from pyocd.core.session import Session
from pyocd.flash.loader import MemoryLoader

from pytest_stm32pose.errors import FlashError
from pytest_stm32pose.probes.flash_algorithms import reason
from pytest_stm32pose.probes.image import Segment


def write_sectors(session: Session, sectors: Sequence[Segment], what: str) -> None:
    """Erases and programs whole sectors. The core must be halted."""
    loader = MemoryLoader(session, chip_erase="sector", smart_flash=False, keep_unwritten=False)
    with _algorithm(session, f"Programming {what}"):
        for sector in sectors:
            loader.add_data(sector.address, sector.data)
        loader.commit()


def map_chip(session: Session, address: int) -> None:
    """Runs the algorithm of the region at `address` once; it leaves its chip readable. The core must be halted."""
    region = session.target.memory_map.get_region_for_address(address)
    with _algorithm(session, f"Reading {region.name}"):
        region.flash.init(region.flash.Operation.VERIFY)
        region.flash.cleanup()


@contextmanager
def _algorithm(session: Session, doing: str) -> Iterator[None]:
    try:
        yield
    except exceptions.Error as error:
        # pyOCD would run the algorithm that failed once more before it used another one, and fail again.
        session.context_state.current_flash_algo = None
        if not isinstance(error, exceptions.FlashFailure):
            raise
        why = reason(error.result_code)
        raise FlashError(f"{doing} failed: {error}{f': {why}' if why else ''}.") from error
