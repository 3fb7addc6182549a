"""struct pose_found of firmware/include/pose/postproc.h: what a decoder reports, as arrays."""

from __future__ import annotations

import ctypes
from ctypes import CFUNCTYPE, POINTER, c_float, c_int, c_uint32, c_void_p

import numpy as np
from numpy.typing import NDArray

ROW_BYTES = 12
_PERSON = CFUNCTYPE(c_int, c_void_p, c_float)
_KEYPOINT = CFUNCTYPE(c_int, c_void_p, POINTER(c_float))


class PoseFound(ctypes.Structure):
    """struct pose_found."""

    _fields_ = (("person", _PERSON), ("keypoint", _KEYPOINT), ("room", c_uint32), ("persons", c_uint32))


class FoundPersons:
    """Takes the reports of one decoding; `struct` is what the decoder is given.

    Args:
        room: persons that may be reported.
        refuse_after: so many reports are taken; the next one gets `status`.
    """

    def __init__(self, room: int, refuse_after: int | None = None, status: int = 0) -> None:
        self.scores: list[float] = []
        self.rows: list[bytes] = []  # as they are: a NaN's bits would not survive Python's floats
        self.reports = 0
        self._refuse_after, self._status = refuse_after, status
        self._calls = _PERSON(self._person), _KEYPOINT(self._keypoint)  # they live as long as the struct
        self.struct = PoseFound(*self._calls, room, 0)

    def arrays(self, keypoints: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Rows [persons, keypoints, 3], and scores [persons]; asserts that every person has all of its keypoints."""
        assert self.struct.persons == len(self.rows)
        assert {len(rows) for rows in self.rows} <= {ROW_BYTES * keypoints}
        rows = np.frombuffer(b"".join(self.rows), np.float32).reshape(len(self.rows), keypoints, 3)
        return rows, np.array(self.scores, np.float32)

    def _person(self, found: int, score: float) -> int:
        self.scores.append(score)
        self.rows.append(b"")
        return self._report()

    def _keypoint(self, found: int, row: ctypes._Pointer[c_float]) -> int:
        self.rows[-1] += ctypes.string_at(row, ROW_BYTES)
        return self._report()

    def _report(self) -> int:
        self.reports += 1
        assert self._refuse_after is None or self.reports <= self._refuse_after + 1, "reported on after a refusal"
        return self._status if self.reports - 1 == self._refuse_after else 0
