"""One picture file: its bytes and pixels bounded before anything is decoded, its size as stored and upright.

Files are untrusted. Pillow is imported only when a picture is opened.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ImageError, PoseError
from pytest_stm32pose.pictures import decoders
from pytest_stm32pose.pictures.annotations.orientation import Raster
from pytest_stm32pose.preprocessing import Decoder
from pytest_stm32pose.types import Picture, Truth

if TYPE_CHECKING:
    from PIL import Image

MAX_FILE_BYTES = 256 * 1024 * 1024
#: 100 megapixels: above any camera whose pictures end up on a microcontroller, and 300 MB once decoded.
MAX_PIXELS = 100_000_000
MAX_SIDE = 65_535
_FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
#: What Pillow calls JPEG files; the second with more pictures behind the first, as telephones write them.
_JPEG = ("JPEG", "MPO")
#: EXIF and TIFF.
_ORIENTATION, _WIDTH, _HEIGHT = 0x0112, 0x0100, 0x0101
#: More chunks than any PNG has.
_MAX_CHUNKS = 100_000


def read_picture(
    path: Path, identifier: str | None = None, truth: Truth | None = None, jpeg: Decoder = "pillow"
) -> Picture:
    """One picture as uint8 RGB [height, width, 3], turned upright by its EXIF orientation, transparency on black.

    Args:
        jpeg: whose decoder reads a JPEG file.

    Raises:
        ImageError: missing, not an image, truncated, or larger than MAX_FILE_BYTES, MAX_SIDE or MAX_PIXELS.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ImageError(
                f"{path} has {path.stat().st_size} bytes; pictures are read up to {MAX_FILE_BYTES}.",
                remedy="Save it smaller.",
            )
        content = path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror}.", remedy="Check the path.") from error
    digest = hashlib.sha256(content).hexdigest()
    pixels = _decode_by_tensorflow(path, content) if jpeg == "tensorflow" else _decode(path, content)
    return Picture(identifier or path.stem, str(path), digest, pixels, truth)


def read_raster(path: Path) -> Raster:
    """Size and orientation of a picture, without decoding its pixels.

    Raises:
        ImageError: missing, no image, or too big.
    """
    from PIL import Image

    if not path.is_file():
        raise ImageError(f"{path} is not there.", remedy="Check the path.")
    with _translated(path), Image.open(path, formats=_FORMATS) as image:
        _check_size(path, image.size)
        orientation = _orientation(image, path)
        # Pillow gives a TIFF's size upright, or as stored in older versions; its tags are as stored.
        tags = getattr(image, "tag_v2", {})
        width, height = (int(tags.get(tag, side)) for tag, side in zip((_WIDTH, _HEIGHT), image.size, strict=True))
        return Raster(width, height, orientation)


def _orientation(image: Image.Image, path: Path) -> int:
    """As ImageOps.exif_transpose sees it, which turns the picture when it is decoded; 1 for none or a wrong one."""
    from PIL import Image

    # Pillow decodes a whole PNG to look for EXIF behind its pixels; hardly any has it there.
    behind = image.format != "PNG" or "exif" in image.info or _has_chunks_behind(path)
    exif = image.getexif() if behind else Image.Image.getexif(image)
    orientation = exif.get(_ORIENTATION, 1)
    return orientation if orientation in range(1, 9) else 1


def _has_chunks_behind(path: Path) -> bool:
    """Whether anything follows a PNG's pixels but its end (W3C PNG, 5.3 "Chunk layout")."""
    with path.open("rb") as file:
        file.seek(8)
        after = False
        for _ in range(_MAX_CHUNKS):
            kind = _skip_chunk(file)
            if kind in (b"", b"IEND"):
                return False
            if after and kind not in (b"IDAT", b"tIME"):
                return True
            after = after or kind == b"IDAT"
    return True


def _skip_chunk(file: IO[bytes]) -> bytes:
    head = file.read(8)
    if len(head) < 8:
        return b""
    file.seek(struct.unpack(">I", head[:4])[0] + 4, io.SEEK_CUR)
    return head[4:]


def _decode(path: Path, content: bytes) -> NDArray[np.uint8]:
    from PIL import Image, ImageOps

    with _translated(path):
        image = Image.open(io.BytesIO(content), formats=_FORMATS)
        _check_size(path, image.size)
        image.load()
        ImageOps.exif_transpose(image, in_place=True)  # which would copy the picture to turn nothing
        return np.asarray(_to_rgb(image), dtype=np.uint8)


def _decode_by_tensorflow(path: Path, content: bytes) -> NDArray[np.uint8]:
    """A JPEG file by TensorFlow's decoder, turned upright here; any other file as always."""
    from PIL import Image, ImageOps

    with _translated(path):
        file = Image.open(io.BytesIO(content), formats=_FORMATS)
        _check_size(path, file.size)
        if file.format not in _JPEG:
            return _decode(path, content)
        image = Image.fromarray(decoders.decode_jpeg(content))
        image.getexif()[_ORIENTATION] = _orientation(file, path)
        return np.asarray(ImageOps.exif_transpose(image), dtype=np.uint8)


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Whatever Pillow says of a bad file, as an ImageError."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            # Pillow warns of odd metadata, which does not matter here, and of sizes, for which _check_size stands.
            warnings.simplefilter("ignore")
            yield
    except UnidentifiedImageError as error:
        raise ImageError(f"{path} is not an image.", remedy=f"Give one of {', '.join(_FORMATS)}.") from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"{path} has too many pixels ({error}).", remedy="Scale it down.") from error
    except PoseError:
        raise
    # Pillow's decoders answer broken files with many exception types; all of them mean the same to the user.
    except Exception as error:
        raise ImageError(f"{path} is a broken image: {error}.", remedy="Fetch or save it again.") from error


def _check_size(path: Path, size: tuple[int, int]) -> None:
    width, height = size
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE and width * height <= MAX_PIXELS):
        raise ImageError(
            f"{path} claims to be {width} x {height} pixels; at most {MAX_PIXELS} are read.", remedy="Scale it down."
        )


def _to_rgb(image: Image.Image) -> Image.Image:
    from PIL import Image

    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers without a known range")
    if image.mode.startswith("I"):
        # Pillow would clip 16-bit greyscale to 8 bits; scaling keeps the picture.
        wide = np.clip(np.asarray(image, dtype=np.float64), 0, 65535)
        return Image.fromarray(np.rint(wide / 257).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        upper = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", upper.size, (0, 0, 0, 255)), upper).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")
