"""How pictures become a network's input, as options, records and goldens say it. A value with words; no I/O.

What each word means to the pixels is defined in pictures/preprocess.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

MODES = ("stretch", "letterbox", "crop")
LETTERBOXES = ("tensorflow", "ultralytics")
RESIZERS = ("bilinear", "nearest", "bicubic", "pillow-bilinear", "pillow-nearest", "pillow-bicubic")
COLORS = ("rgb", "bgr", "grey")
DECODERS = ("pillow", "tensorflow")

Mode = Literal["stretch", "letterbox", "crop"]
Letterbox = Literal["tensorflow", "ultralytics"]
Resizer = Literal["bilinear", "nearest", "bicubic", "pillow-bilinear", "pillow-nearest", "pillow-bicubic"]
Color = Literal["rgb", "bgr", "grey"]
Decoder = Literal["pillow", "tensorflow"]

#: What ultralytics pads with; TensorFlow pads with 0.
ULTRALYTICS_PAD = 114
#: No value of a pixel is near it; its square is a float32.
MAX_NUMBER = 1e18


@dataclass(frozen=True)
class Preprocessing:
    """What is done to every picture. The defaults are those behind the published figures.

    Attributes:
        letterbox: whose rule of sizes and padding `mode` letterbox follows.
        pad: level of the border, 0 to 255, one or R, G, B; None: 0, and 114 with ultralytics' rule.
        color: None: what the network's channels ask for (three: rgb, one: grey).
        scale, offset: value = scale * pixel + offset. None: not stated.
        mean, std: value = (pixel - mean) / std, one number or one per channel of the network. Empty: not stated.
        jpeg: whose decoder reads JPEG files.
    """

    mode: Mode = "stretch"
    letterbox: Letterbox = "tensorflow"
    pad: tuple[int, ...] | None = None
    resize: Resizer = "bilinear"
    color: Color | None = None
    scale: float | None = None
    offset: float | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    jpeg: Decoder = "pillow"

    @property
    def levels(self) -> tuple[int, ...]:
        """What the border is padded with."""
        if self.pad is not None:
            return self.pad
        return (ULTRALYTICS_PAD if self.letterbox == "ultralytics" else 0,)

    @property
    def states_values(self) -> bool:
        """The values of the pixels are said."""
        return self.scale is not None or self.offset is not None or bool(self.mean) or bool(self.std)

    @property
    def text(self) -> str:
        """In words, the same for the same preprocessing; a default is not named: "stretch", "letterbox, pad 114"."""
        words: list[str] = [self.mode]
        if self.mode == "letterbox":
            words[0] += "" if self.letterbox == "tensorflow" else f" {self.letterbox}"
            if self.levels != Preprocessing(letterbox=self.letterbox).levels:
                words.append(f"pad {' '.join(map(str, self.levels))}")
        words += [self.resize] if self.resize != Preprocessing.resize else []
        words += [self.color] if self.color else []
        words += [self._values] if self.states_values else []
        words += [f"JPEG by {self.jpeg}"] if self.jpeg != Preprocessing.jpeg else []
        return ", ".join(words)

    @property
    def _values(self) -> str:
        """The formula."""
        if self.mean or self.std:
            return f"(pixel - {_listed(self.mean or (0.0,))}) / {_listed(self.std or (1.0,))}"
        scale, offset = 1.0 if self.scale is None else self.scale, self.offset or 0.0
        return f"{_word(scale)} * pixel {'-' if offset < 0 else '+'} {_word(abs(offset))}"

    @property
    def options(self) -> str:
        """The options that make it, in front of each a blank; "" for the default."""
        given: dict[str, str] = {
            "preprocess": self.mode if self.mode != Preprocessing.mode else "",
            "letterbox": self.letterbox if self.letterbox != Preprocessing.letterbox else "",
            "pad": ",".join(map(str, self.pad or ())),
            "resize": self.resize if self.resize != Preprocessing.resize else "",
            "color": self.color or "",
            "scale": "" if self.scale is None else _number(self.scale),
            "offset": "" if self.offset is None else _number(self.offset),
            "mean": ",".join(map(_number, self.mean)),
            "std": ",".join(map(_number, self.std)),
            "jpeg": self.jpeg if self.jpeg != Preprocessing.jpeg else "",
        }
        return "".join(f" --pose-{name}={value}" for name, value in given.items() if value)


#: Behind the published figures.
DEFAULT = Preprocessing()


def read_numbers(text: str, kind: str) -> float | tuple[float, ...]:
    """One "number", or one or three "numbers" or "levels"; a fraction such as 1/255 is a number.

    Raises:
        ValueError: it is none; says what it is instead.
    """
    try:
        found = tuple(_read_number(part) for part in text.split(","))
    except (ValueError, ZeroDivisionError):
        raise ValueError("not a number, nor several with commas between") from None
    if kind == "number" and len(found) != 1:
        raise ValueError("not one number")
    if len(found) not in (1, 3):
        raise ValueError("neither one number nor one for each of three channels")
    if kind != "levels":
        return found[0] if kind == "number" else found
    if not all(0 <= each <= 255 and each == int(each) for each in found):
        raise ValueError("not of whole numbers from 0 to 255")
    return tuple(int(each) for each in found)


def _read_number(text: str) -> float:
    """Finite, and so in float32, in which pixels become values. Raises ValueError, ZeroDivisionError."""
    above, slash, below = text.partition("/")
    number = float(above) / float(below) if slash else float(above)
    if not abs(number) <= MAX_NUMBER or 0 < abs(number) < 1 / MAX_NUMBER:
        raise ValueError
    return number


def _number(value: float) -> str:
    """The shortest text that reads back as the same number."""
    return repr(value).removesuffix(".0")


def _word(value: float) -> str:
    """The same for the same number in float32, in which pixels become values."""
    import numpy as np  # settings know this module, and a plain pytest has no use for NumPy

    return _number(float(str(np.float32(value))))


def _listed(values: Sequence[float]) -> str:
    return " ".join(map(_word, values)) if len(values) == 1 else f"[{' '.join(map(_word, values))}]"
