"""`<name>_val_io.npz`, inputs and outputs of `stedgeai validate`: `m_outputs_1` of the reference, `c_outputs_1` of the
generated code, `m_inputs_1` what both were given; the first dimension counts samples.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_stm32pose.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_BYTES = 1 << 30
MAX_ARRAYS = 256
MAX_SAMPLES = 10_000
_NAME = re.compile(r"([mc])_(inputs|outputs)_(\d{1,3})\.npy")
#: What a file that is none raises on the way.
_BROKEN = (
    ValueError,
    TypeError,
    ArithmeticError,
    EOFError,
    LookupError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)
REMEDY = "Give <name>_val_io.npz, which stedgeai validate saves."


@dataclass(frozen=True)
class ValidateIo:
    """Arrays by number; the first dimension counts samples. `outputs` are (reference, generated code)."""

    path: Path
    inputs: dict[int, NDArray[Any]]
    outputs: dict[int, tuple[NDArray[Any], NDArray[Any]]]

    @property
    def samples(self) -> int:
        return len(next(iter(self.outputs.values()))[0])


def read_validate_io(path: Path) -> ValidateIo:
    """Reads the arrays.

    Raises:
        ConfigError: unreadable, too large, not such a file, or outputs that are not there twice in one size.
    """
    found: dict[tuple[str, str, int], NDArray[Any]] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if len(entries) > MAX_ARRAYS or sum(entry.file_size for entry in entries) > MAX_BYTES:
                raise ConfigError(
                    f"{path} holds more than {MAX_ARRAYS} arrays or {MAX_BYTES >> 20} MiB.", remedy=REMEDY
                )
            for entry in entries:
                if match := _NAME.fullmatch(entry.filename):
                    with archive.open(entry) as file:
                        found[match[1], match[2], int(match[3])] = _array(file)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}.") from error
    except _BROKEN as error:
        raise ConfigError(f"{path} is no .npz of arrays: {str(error)[:200]}.", remedy=REMEDY) from error
    numbers = sorted(number for kind, what, number in found if (kind, what) == ("c", "outputs"))
    outputs = {}
    for number in numbers:
        outputs[number] = _pair(path, number, found.get(("m", "outputs", number)), found["c", "outputs", number])
    if not outputs:
        raise ConfigError(f"{path} has no c_outputs_1 and m_outputs_1.", remedy=REMEDY)
    read = ValidateIo(path, {}, outputs)
    counts = [len(reference) for reference, _ in outputs.values()]
    if len(set(counts)) > 1:
        raise ConfigError(f"{path} has outputs of {' and '.join(map(str, counts))} samples.", remedy=REMEDY)
    for (_, what, number), array in sorted(found.items(), key=str):
        # Others, such as of one sample for all, do not tell the samples apart.
        if what == "inputs" and array.ndim and len(array) == read.samples and not array.dtype.hasobject:
            read.inputs[number] = array
    return read


def _array(file: Any) -> NDArray[Any]:
    import numpy as np

    return np.lib.format.read_array(file, allow_pickle=False)  # type: ignore[no-any-return,no-untyped-call,unused-ignore]


def _pair(
    path: Path, number: int, reference: NDArray[Any] | None, got: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Both as [samples, values]; the tool adds dimensions of 1 to those of the generated code."""
    if reference is None:
        raise ConfigError(f"{path} has c_outputs_{number} but no m_outputs_{number}.", remedy=REMEDY)
    for array in (reference, got):
        if not array.ndim or not array.size or len(array) > MAX_SAMPLES or array.dtype.kind not in "iuf":
            raise ConfigError(
                f"{path}: output {number} is {array.dtype} {list(array.shape)}, not {MAX_SAMPLES} samples or fewer.",
                remedy=REMEDY,
            )
    if len(reference) != len(got) or reference.size != got.size:
        raise ConfigError(
            f"{path}: output {number} is {list(got.shape)}, its reference {list(reference.shape)}.", remedy=REMEDY
        )
    return reference.reshape(len(reference), -1), got.reshape(len(got), -1)
