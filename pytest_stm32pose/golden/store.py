"""Goldens by mode: computed live, written with provenance, or read back on a machine without LiteRT.

One file per network, picture and preprocessing: `<model>/<picture>-<preprocessing>.npz`, named by SHA-256 prefixes;
`-<decoding>` stands behind it where outputs are decoded otherwise than by default (SHA-256 of what differs, in words).
It is an .npz without pickles (`keypoints_norm`, `output_<n>`), and its member `provenance.json` says what made it and
how to make it again. The same golden is written as the same bytes, so that it can live in a repository.
"""

from __future__ import annotations

import hashlib
import io
import json
import tokenize
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose import __version__
from pytest_stm32pose.errors import ConfigError, GoldenError
from pytest_stm32pose.families import NO_FAMILY
from pytest_stm32pose.files import write_atomically
from pytest_stm32pose.golden.base import Engine, GoldenAnswer, GoldenIdentity, input_crc32
from pytest_stm32pose.golden.digest import digest
from pytest_stm32pose.golden.provenance import SCHEMA, Provenance, parse_provenance
from pytest_stm32pose.types import InferResult, NetworkDescription, Picture, TensorData, TensorDigest

GoldenMode = Literal["check", "update", "live"]

MAX_FILE_BYTES = 256 * 1024 * 1024
MAX_ARRAY_BYTES = 256 * 1024 * 1024
MAX_PROVENANCE_BYTES = 4 * 1024 * 1024
MAX_MEMBERS = 64
_PROVENANCE = "provenance.json"
#: Families of the first version: the goldens of then name none, and are as good as before.
_FIRST_FAMILIES = ("heatmap", "single_pose", "yolo")
_DTYPES = frozenset({"int8", "uint8", "int16", "int32", "int64", "float32", "bool"})


class GoldenStore:
    """The goldens of one network.

    Args:
        mode: "live" computes and keeps nothing; "update" computes and writes; "check" only reads, a missing one fails.
        root: folder of stored goldens; needed by "check" and "update".
        description: the network.
        engine_factory: makes the engine; called at most once, and never in mode "check".
        preprocessing: in words (Preprocessing.text); goldens of one are not found by the other.
        command: what a user types to write this network's goldens again.
        decoder: identity of the user's own family; "": a built-in one. Goldens of another decoder are not used.

    Raises:
        ConfigError: a mode that does not exist, or no folder where one is needed.
    """

    def __init__(
        self,
        mode: GoldenMode,
        root: Path | None,
        description: NetworkDescription,
        engine_factory: Callable[[], Engine],
        preprocessing: str = "stretch",
        command: str = "",
        decoder: str = "",
    ) -> None:
        if mode not in ("check", "update", "live"):
            raise ConfigError(f"There is no golden mode {mode!r}.", remedy="Use check, update or live.")
        if mode != "live" and root is None:
            raise ConfigError(f"Golden mode {mode} needs a folder of stored goldens.")
        self.mode = mode
        self._root = root
        self._description = description
        self._engine_factory = engine_factory
        self._engine: Engine | None = None
        self._preprocessing = preprocessing
        self._decoder = decoder
        self._command = command or f"stm32pose golden update --pose-model={description.name}"
        self._last: tuple[Path, GoldenAnswer] | None = None  #: what was read last

    def require(self, picture: Picture) -> None:
        """Raises GoldenError: mode is "check", and the stored golden is missing or not usable."""
        if self.mode == "check":
            self._read(picture)

    def answer(self, picture: Picture, input_tensor: NDArray[Any], intermediates: bool = False) -> GoldenAnswer:
        """The golden of one picture.

        Args:
            input_tensor: the .tflite's input made from the picture, its channels last.
            intermediates: also every intermediate tensor ("check" has digests of them instead, always).

        Raises:
            GoldenError: missing, unreadable, or made from another network, picture or preprocessing.
        """
        if self.mode == "check":
            return self._read(picture)
        engine = self._live_engine()
        result = engine.run(input_tensor, intermediates=intermediates or self.mode == "update")
        digests = tuple(digest(tensor) for tensor in result.intermediates)
        crc32 = input_crc32(input_tensor)
        store = "live"
        if self.mode == "update":
            path = self.path(picture)
            write_atomically(path, self._pack(picture, result, digests, crc32, engine.identity))
            store = path.name
        kept = result.intermediates if intermediates else ()
        trimmed = InferResult(result.keypoints_norm, result.outputs, kept, scores=result.scores)
        return GoldenAnswer(trimmed, crc32, digests, engine.identity, store)

    def path(self, picture: Picture) -> Path:
        """Where a picture's golden is stored."""
        if self._root is None:
            raise ConfigError("Live goldens are not stored.")
        family = f"-{self._description.family}" if self._decoder else ""
        decoding = self._description.decoding_text
        suffix = f"-{hashlib.sha256(decoding.encode()).hexdigest()[:8]}" if decoding else ""
        name = f"{picture.sha256[:16]}-{_file_word(self._preprocessing)}{family}{suffix}.npz"
        return self._root / self._description.sha256[:16] / name

    @property
    def _family(self) -> str:
        """Of the outputs, as a golden names it: one output may be read as several families. "" where nothing is to be
        told: of the first families, of those of users (`decoder` names them), and where nothing is decoded."""
        family = self._description.family
        return "" if self._decoder or family in (*_FIRST_FAMILIES, NO_FAMILY) else family

    def _live_engine(self) -> Engine:
        if self._engine is None:
            engine = self._engine_factory()
            if engine.model_sha256 != self._description.sha256:
                raise GoldenError(
                    f"The golden engine runs a model with SHA-256 {engine.model_sha256}, "
                    f"not {self._description.name}'s {self._description.sha256}.",
                    remedy="The model file has changed during the run; start again.",
                )
            self._engine = engine
        return self._engine

    def _pack(
        self,
        picture: Picture,
        result: InferResult,
        digests: tuple[TensorDigest, ...],
        crc32: int,
        identity: GoldenIdentity,
    ) -> bytes:
        arrays = {f"output_{index}": output.data for index, output in enumerate(result.outputs)}
        if result.keypoints_norm is not None:
            arrays["keypoints_norm"] = result.keypoints_norm
        if result.scores is not None:
            arrays["scores"] = result.scores
        provenance = {
            "schema": SCHEMA,
            "generator": f"pytest-stm32pose {__version__}",
            **asdict(identity),
            "model": {"name": self._description.name, "sha256": self._description.sha256},
            "picture": {"id": picture.id, "sha256": picture.sha256},
            "preprocessing": self._preprocessing,
            **({"family": self._family} if self._family else {}),
            **({"decoder": self._decoder} if self._decoder else {}),
            **({"decoding": text} if (text := self._description.decoding_text) else {}),
            "input_crc32": crc32,
            "outputs": [
                {"source": t.source, "op_source": t.op_source, "op_name": t.op_name, "lsb": t.lsb}
                for t in result.outputs
            ],
            "intermediates": [asdict(each) for each in digests],
            "regenerate": self._command,
        }
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            _add(archive, _PROVENANCE, json.dumps(provenance, indent=1).encode())
            for name, array in arrays.items():
                content = io.BytesIO()
                np.lib.format.write_array(content, np.ascontiguousarray(array), allow_pickle=False)
                _add(archive, f"{name}.npy", content.getvalue())
        return packed.getvalue()

    def _read(self, picture: Picture) -> GoldenAnswer:
        path = self.path(picture)
        if self._last is not None and self._last[0] == path:
            return self._last[1]
        remedy = f"Write it with `{self._command}` on a machine with LiteRT."
        if not path.is_file():
            raise GoldenError(
                f"There is no stored golden of {self._description.name} for picture {picture.id} ({path}).",
                remedy=remedy,
            )
        try:
            provenance, arrays = _unpack(path)
            self._check_identity(provenance, picture)
            self._check_family(arrays)
            _check_keypoints(arrays.get("keypoints_norm"), self._description.keypoints)
            _check_scores(arrays.get("scores"), arrays.get("keypoints_norm"))
            outputs = tuple(
                TensorData(meta.source, meta.op_source, meta.op_name, arrays[f"output_{index}"], meta.lsb)
                for index, meta in enumerate(provenance.outputs)
            )
        # KeyError, RuntimeError, NotImplementedError: zipfile's answers to missing, encrypted, oddly packed members.
        except (
            OSError,
            ValueError,
            TypeError,
            KeyError,
            EOFError,
            RuntimeError,
            NotImplementedError,
            SyntaxError,  # this and tokenize's: NumPy's reader of array headers
            tokenize.TokenError,
            zipfile.BadZipFile,
            zlib.error,
        ) as error:
            raise GoldenError(f"The stored golden {path} is not usable: {error}.", remedy=remedy) from error
        result = InferResult(arrays.get("keypoints_norm"), outputs, scores=arrays.get("scores"))
        answer = GoldenAnswer(result, provenance.input_crc32, provenance.digests, provenance.identity, path.name)
        self._last = path, answer
        return answer

    def _check_family(self, arrays: dict[str, NDArray[Any]]) -> None:
        """A network whose outputs are only compared has no keypoints, whatever its golden was written as."""
        if self._description.family == NO_FAMILY:
            arrays.pop("keypoints_norm", None)
            arrays.pop("scores", None)
        elif "keypoints_norm" not in arrays:
            raise ValueError(f"it holds no keypoints: it was written with --pose-family={NO_FAMILY}")

    def _check_identity(self, provenance: Provenance, picture: Picture) -> None:
        for what, stored, wanted in (
            ("model", provenance.model_sha256, self._description.sha256),
            ("picture", provenance.picture_sha256, picture.sha256),
            ("preprocessing", provenance.preprocessing, self._preprocessing),
            ("decoder", provenance.decoder, self._decoder),
            ("decoding", provenance.decoding, self._description.decoding_text),
        ):
            if stored != wanted:
                raise ValueError(f"it was made from another {what} ({stored or 'none'}, not {wanted or 'none'})")
        if provenance.family != self._family and self._description.family != NO_FAMILY:
            stored = provenance.family or f"one of {', '.join(_FIRST_FAMILIES)}"
            raise ValueError(f"its outputs were decoded as another family ({stored}, not {self._description.family})")


def _file_word(preprocessing: str) -> str:
    """A word for a file name: "stretch", "letterbox-0a1b2c3d"; the words of the rest stand in the provenance."""
    mode, *rest = preprocessing.replace(",", " ").split()
    return f"{mode}-{hashlib.sha256(preprocessing.encode()).hexdigest()[:8]}" if rest else mode


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    # ZipInfo's default date is fixed (1980), so equal goldens are equal files.
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    archive.writestr(info, content)


def _unpack(path: Path) -> tuple[Provenance, dict[str, NDArray[Any]]]:
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ValueError(f"it has {path.stat().st_size} bytes, more than {MAX_FILE_BYTES}")
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > MAX_ARRAY_BYTES:
            raise ValueError("it unpacks to more than a golden holds")
        if archive.getinfo(_PROVENANCE).file_size > MAX_PROVENANCE_BYTES:
            raise ValueError(f"its provenance has more than {MAX_PROVENANCE_BYTES} bytes")
        provenance = parse_provenance(archive.read(_PROVENANCE))
        arrays = {
            member.filename.removesuffix(".npy"): _read_array(archive, member)
            for member in members
            if member.filename != _PROVENANCE
        }
    return provenance, arrays


def _check_keypoints(keypoints: NDArray[Any] | None, count: int) -> None:
    if keypoints is None:
        return
    if keypoints.ndim != 3 or keypoints.shape[1:] != (count, 3) or keypoints.dtype != np.float32:
        raise ValueError(f"its keypoints are {keypoints.dtype} {list(keypoints.shape)}, not {count} per person")


def _check_scores(scores: NDArray[Any] | None, keypoints: NDArray[Any] | None) -> None:
    persons = 0 if keypoints is None else len(keypoints)
    if scores is not None and (scores.shape != (persons,) or scores.dtype != np.float32):
        raise ValueError(f"its scores are {scores.dtype} {list(scores.shape)}, not one for each of {persons} persons")


def _read_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    """An .npy member whose header is checked against the member's size before its data are read."""
    with archive.open(member) as stream:
        if np.lib.format.read_magic(stream) != (1, 0):
            raise ValueError(f"{member.filename} is not an .npy array of version 1.0")
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
        if dtype.name not in _DTYPES or not dtype.isnative or fortran_order:
            raise ValueError(f"{member.filename} holds {dtype}, which no golden does")
        count = 1
        for size in shape:
            count *= size
        wanted = count * dtype.itemsize
        if not 0 <= wanted == member.file_size - stream.tell():
            raise ValueError(f"{member.filename} has a header that does not fit its size")
        data = stream.read(wanted)
    return np.frombuffer(data, dtype=dtype).reshape(shape)
