"""Test pictures: a folder of images, or COCO keypoint annotations beside their images.

Pictures are decoded on access, one at a time, so that hundreds cost no memory. Files are untrusted: their bytes and
their pixels are bounded before anything is decoded. Pillow is imported only when a picture is opened.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.annotations import LabelledImage, read_annotations
from pytest_stm32pose.errors import ImageError
from pytest_stm32pose.types import Picture, Truth

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
MAX_FILE_BYTES = 256 * 1024 * 1024
#: 100 megapixels: above any camera whose pictures end up on a microcontroller, and 300 MB once decoded.
MAX_PIXELS = 100_000_000
MAX_SIDE = 65_535
_ANNOTATION_NAMES = ("person_keypoints*.json", "keypoints.json")
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")


class PictureSequence(Sequence[Picture]):
    """Pictures in order of their file names, decoded each time they are accessed.

    `ids` are unique and known without decoding. `note` is one sentence about what was left out, "" when nothing was.
    """

    def __init__(self, entries: Sequence[tuple[str, Path, Truth | None]], note: str = "") -> None:
        self._entries = tuple(entries)
        self.note = note

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(identifier for identifier, _, _ in self._entries)

    @property
    def label_keypoints(self) -> int | None:
        """Keypoints of the labelled persons; None when no picture has labels."""
        truths = (truth for _, _, truth in self._entries if truth is not None)
        return next((int(truth.keypoints_px.shape[1]) for truth in truths), None)

    def pixels_of(self, identifier: str) -> NDArray[np.uint8] | None:
        """A picture's pixels, uint8 [height, width, 3]; None when it is not one of these or cannot be read any more."""
        entry = next((each for each in self._entries if each[0] == identifier), None)
        try:
            return None if entry is None else read_picture(entry[1], identifier, entry[2]).pixels
        except ImageError:
            return None

    def verify(self) -> None:
        """Opens every picture without decoding its pixels.

        Raises:
            ImageError: one is missing, is no image, or is too big.
        """
        from PIL import Image

        for _, path, _ in self._entries:
            if not path.is_file():
                raise ImageError(f"{path} is not there.", remedy="Check the path.")
            with _translated(path), Image.open(path, formats=_FORMATS) as image:
                _check_size(path, image.size)

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def __getitem__(self, index: int) -> Picture: ...
    @overload
    def __getitem__(self, index: slice) -> PictureSequence: ...
    def __getitem__(self, index: int | slice) -> Picture | PictureSequence:
        if isinstance(index, slice):
            return PictureSequence(self._entries[index], self.note)
        identifier, path, truth = self._entries[index]
        return read_picture(path, identifier, truth)

    def __iter__(self) -> Iterator[Picture]:
        for identifier, path, truth in self._entries:
            yield read_picture(path, identifier, truth)


def load_pictures(path: str | Path, max_images: int | None = None) -> PictureSequence:
    """The pictures of a folder or of an annotation file, at most `max_images`, in order of their file names.

    A folder that holds `person_keypoints*.json` or `keypoints.json` is labelled by it; its images lie beside the file
    or in `images/`. Of labelled pictures, those without any labelled person are left out (see `note`).

    Raises:
        ImageError: nothing there, no image in it, a listed image missing, annotations broken, `max_images` below 1.
    """
    source = Path(path)
    if max_images is not None and max_images < 1:
        raise ImageError(f"At most {max_images} pictures were asked for; at least 1 is needed.")
    if source.is_dir():
        annotations = _annotations_in(source)
        return _from_annotations(annotations, max_images) if annotations else _from_folder(source, max_images)
    if not source.exists():
        raise ImageError(f"{source} does not exist.", remedy="Name a folder of images or a COCO keypoint JSON file.")
    if source.suffix.lower() == ".json":
        return _from_annotations(source, max_images)
    return PictureSequence([(source.stem, source, None)])


def read_picture(path: Path, identifier: str | None = None, truth: Truth | None = None) -> Picture:
    """One picture as uint8 RGB [height, width, 3], turned upright by its EXIF orientation, transparency on black.

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
    return Picture(identifier or path.stem, str(path), digest, _decode(path, content), truth)


def _decode(path: Path, content: bytes) -> NDArray[np.uint8]:
    from PIL import Image, ImageOps

    with _translated(path):
        image = Image.open(io.BytesIO(content), formats=_FORMATS)
        _check_size(path, image.size)
        image.load()
        return np.asarray(_to_rgb(ImageOps.exif_transpose(image)), dtype=np.uint8)


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
    except ImageError:
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
    return image.convert("RGB")


def _annotations_in(folder: Path) -> Path | None:
    found = sorted({file for pattern in _ANNOTATION_NAMES for file in folder.glob(pattern)})
    if len(found) > 1:
        names = ", ".join(file.name for file in found)
        raise ImageError(f"{folder} holds several annotation files ({names}).", remedy="Name the one to use.")
    return found[0] if found else None


def _from_folder(folder: Path, max_images: int | None) -> PictureSequence:
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())
    if not files:
        raise ImageError(
            f"{folder} holds no images ({', '.join(sorted(SUFFIXES))}) and no keypoint annotations.",
            remedy="Name a folder of images or a COCO keypoint JSON file.",
        )
    chosen = files[:max_images]
    return PictureSequence([(name, file, None) for name, file in zip(_unique_ids(chosen), chosen, strict=True)])


def _from_annotations(annotations: Path, max_images: int | None) -> PictureSequence:
    labelled = read_annotations(annotations)
    with_person = [image for image in labelled if image.has_person]
    if not with_person:
        raise ImageError(
            f"{annotations} labels no person's keypoints in any of its {len(labelled)} images.",
            remedy="Use person keypoint annotations.",
        )
    left_out = len(labelled) - len(with_person)
    note = f"{left_out} of {len(labelled)} pictures of {annotations} left out: no labelled person." if left_out else ""
    chosen = with_person[:max_images]
    files = [_image_file(annotations, image) for image in chosen]
    entries = zip(_unique_ids(files), files, (image.truth for image in chosen), strict=True)
    return PictureSequence(list(entries), note)


def _image_file(annotations: Path, image: LabelledImage) -> Path:
    for folder in (annotations.parent, annotations.parent / "images"):
        if (folder / image.file_name).is_file():
            return folder / image.file_name
    raise ImageError(
        f"{annotations} lists {image.file_name}, which is neither beside it nor in {annotations.parent / 'images'}.",
        remedy="Put the image there or remove its entry.",
    )


def _unique_ids(files: Sequence[Path]) -> list[str]:
    """File names without suffix where that is unique, otherwise with it and, if need be, with a number."""
    stems = Counter(file.stem for file in files)
    unique: dict[str, None] = {}
    for file in files:
        name = file.stem if stems[file.stem] == 1 else file.name
        candidates = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
        unique[next(candidate for candidate in candidates if candidate not in unique)] = None
    return list(unique)
