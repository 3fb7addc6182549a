"""The options, once: flag, ini twin, environment twin, default. Precedence: command line, environment, ini, the file of
--pose-st-config, default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pytest_stm32pose import preprocessing
from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.preprocessing import Preprocessing
from pytest_stm32pose.types import USUAL_DECODING, Decoding

#: What --pose-transport may name.
TRANSPORTS = ("serial", "swd")
#: What --pose-family may name, beside one of the user's own.
FAMILIES = ("heatmap", "heatmap_offsets", "single_pose", "single_pose_xy", "simcc", "landmarks", "yolo",
            "yolo_end_to_end", "multipose", "none")  # fmt: skip
#: What --pose-units may say of keypoints: 0..1 of the network's input, or pixels of it.
UNITS = ("normalised", "pixels")
#: What a result of the device has room for.
MAX_PERSONS = 100
GoldenMode = Literal["check", "update", "live"]


#: The backend that is not ours to flash: a board with ST's validation firmware (docs/st-validation.md).
ST_BACKEND = "st-validation"
#: The backends whose network is linked into the firmware (docs/vendor-backends.md).
LINKED_BACKENDS = ("stedgeai", "aton")
#: Names of --pose-model that stand for several rows of the zoo: the table that is reproduced, ST's zoo as it is now.
ZOO_SETS = ("all", "st-2026")
#: Seconds that a board which another process uses is waited for; a suite on it takes minutes.
LOCK_WAIT_S = 600.0
#: The options that say how pictures become input.
PREPROCESSING = tuple(
    f"pose-{name}"
    for name in ("preprocess", "letterbox", "pad", "resize", "color", "scale", "offset", "mean", "std", "jpeg")
)


@dataclass(frozen=True)
class Option:
    """One option. `flag` without dashes; ini twin `pose_x`, environment twin `STM32POSE_X`."""

    flag: str
    help: str
    #: "text", "count", "seconds", "fraction", "switch", "list", "indices", "choice", "number", "numbers", "levels"
    kind: str = "text"
    choices: tuple[str, ...] = ()
    metavar: str = ""

    @property
    def dest(self) -> str:
        """Name in pytest's namespace and in the ini file: pose_board, pose_model, ..."""
        name = self.flag.replace("-", "_")
        return name if name.startswith("pose_") else f"pose_{name}"

    @property
    def environment(self) -> str:
        return "STM32" + self.dest.upper()


OPTIONS = (
    Option(
        "board",
        "board of the catalog or of your boards.toml ('stm32pose boards' lists them), or tag:TAG for all that have it; "
        "repeatable or comma-separated",
        kind="list",
        metavar="NAME",
    ),
    Option("pose-require-board", "a run without --board is an error, not a skip", kind="switch"),
    Option("pose-model", "zoo name or path of a .tflite (repeatable); 'all' for every network of the zoo, "
           "'st-2026' for ST's newer ones", kind="list",
           metavar="NAME_OR_PATH"),
    Option("pose-plan", "compile for a small arena, or plain to keep every tensor comparable (default: small)",
           kind="choice", choices=("plain", "small")),
    Option("pose-images", "folder of images, or COCO keypoint annotations beside their images, or another usual "
           "layout of a data set (docs/labels.md)", metavar="DIR_OR_JSON"),
    Option("pose-images-root", "folder of the images, where they lie apart from their labels", metavar="DIR"),
    Option("pose-category", "category or class of the labels to judge by, of several", metavar="NAME"),
    Option("pose-max-images", "use at most N pictures", kind="count", metavar="N"),
    Option("pose-min-pictures", "say so where an accuracy budget is judged on fewer pictures (default: 1)",
           kind="count", metavar="N"),
    Option("pose-preprocess", "how pictures become input (default: stretch, behind the published figures)",
           kind="choice", choices=preprocessing.MODES),
    Option("pose-letterbox", "whose rule of sizes and padding a letterbox follows (default: tensorflow)",
           kind="choice", choices=preprocessing.LETTERBOXES),
    Option("pose-pad", "level of a letterbox's border, 0 to 255 (default: 0; ultralytics: 114)", kind="levels",
           metavar="V or R,G,B"),
    Option("pose-resize", "how pictures are resized, as TensorFlow 2 or Pillow defines it (default: bilinear)",
           kind="choice", choices=preprocessing.RESIZERS),
    Option("pose-color", "channels of the input (default: by their number, rgb or grey)", kind="choice",
           choices=preprocessing.COLORS),
    Option("pose-scale", "value of a pixel: S * pixel + offset (default: by the network; docs/preprocessing.md)",
           kind="number", metavar="S"),
    Option("pose-offset", "see --pose-scale", kind="number", metavar="O"),
    Option("pose-mean", "value of a pixel: (pixel - M) / std, one number or one per channel", kind="numbers",
           metavar="M[,M,M]"),
    Option("pose-std", "see --pose-mean", kind="numbers", metavar="S[,S,S]"),
    Option("pose-jpeg", "whose decoder reads JPEG files (default: pillow)", kind="choice",
           choices=preprocessing.DECODERS),
    Option("pose-family", "what the outputs mean, instead of a guess from names and shapes: "
           f"{', '.join(FAMILIES)} (compare tensors only), or one of your own (docs/families.md)", metavar="NAME"),
    Option("pose-keypoints", "keypoints of a person, where the outputs leave it open", kind="count", metavar="K"),
    Option("pose-skeleton", "which keypoints there are: a built-in set (docs/families.md), a TOML file, or labels for "
           "those of the labels' category", metavar="NAME_OR_FILE"),
    Option("pose-units", "unit of the outputs' keypoints, where the file leaves it open", kind="choice", choices=UNITS),
    Option("pose-classes", "classes of persons that a YOLO network has scores for (default: 1, or the file's)",
           kind="count", metavar="N"),
    Option("pose-outputs", "which outputs are decoded, counted from 0, in the family's order, e.g. 1,0",
           kind="indices", metavar="N[,N]"),
    Option("pose-score", "persons of at most this score are none (default: 0.001, as ST's tools)", kind="fraction",
           metavar="X"),
    Option("pose-keypoint-score", "keypoints below it are drawn faintly (default: 0.15, as ST's tools)",
           kind="fraction", metavar="X"),
    Option("pose-nms-iou", "of boxes that overlap by more, the best is kept (default: 0.1, as ST's tools)",
           kind="fraction", metavar="X"),
    Option("pose-max-persons", "persons of a picture at most (default: 100, as ST's tools)", kind="count",
           metavar="N"),
    Option("pose-backend", "what runs the network on the board (default: runtime)", kind="choice",
           choices=("runtime", *LINKED_BACKENDS, ST_BACKEND)),
    Option("pose-network-dir", "folder of the network that ST's generator wrote (backends stedgeai and aton)",
           metavar="DIR"),
    Option("pose-vendor-dir", "ST's package for it: its folder Middlewares/ST/AI (default: discovery)",
           metavar="DIR"),
    Option("pose-weights", "where the weights are read from: flash, as they were programmed; ram, copied there when "
           "the board starts; auto, ram where they fit beside the arena (default: auto on the N6, else flash)",
           kind="choice", choices=("auto", "flash", "ram")),
    Option("pose-firmware", "flash this ELF, HEX or BIN instead of the one built for the board", metavar="FILE"),
    Option("pose-transport", "link to the firmware (default: the board's)", kind="choice", choices=TRANSPORTS),
    Option("pose-boards-file", "your benches (default: boards.toml in the rootdir, else in ~/.config/stm32pose)",
           metavar="FILE"),
    Option("pose-lock-wait", f"wait so long for a board that another process uses (default: {LOCK_WAIT_S:.0f})",
           kind="seconds", metavar="SECONDS"),
    Option("pose-probe", "unique id of the debug probe (default: discovery)", metavar="UID"),
    Option("pose-serial", "serial port or pyserial URL, with its speed (default: discovery)", metavar="URL[@BAUD]"),
    Option("pose-twin-fault", "plant a fault in a twin's model (repeatable; docs/boards/twins.md)", kind="list",
           metavar="NAME[=VALUE]"),
    Option("pose-repeat", "timed inferences per image (default: 1 where instructions are counted, else 10)",
           kind="count", metavar="N"),
    Option("pose-output-data", "what comes back of tensors: their CRC-32, and bytes where it is not the golden's, or "
           "always all bytes (default: crc)", kind="choice", choices=("crc", "full")),
    Option("pose-overlap", "the next picture is uploaded while the device runs, never during a run of hardware that is "
           "timed, or only when it has ended (default: auto)", kind="choice", choices=("auto", "off")),
    Option("pose-profile", "per-operator timings in record and report", kind="switch"),
    Option("pose-golden", "goldens: check stored ones, update them, or compute live (default: live)", kind="choice",
           choices=("check", "update", "live")),
    Option("pose-golden-dir", "folder of stored goldens (default: goldens)", metavar="DIR"),
    Option("pose-budget", "budget over the whole run, e.g. oks_vs_truth_min=0.5 (repeatable)", kind="list",
           metavar="NAME=LIMIT"),
    Option("pose-baseline", "compare with a record, a folder of records, or a committed one",
           metavar="FILE_DIR_OR_GIT:REV:PATH"),
    Option("pose-gate", "what got worse than the baseline by more than its limit fails the run", kind="switch"),
    Option("pose-gate-limits", "TOML file with a table [gate] (default: built-in limits)", metavar="FILE"),
    Option("pose-gate-unclear", "what is worse but may be noise means to the gate (default: fail for the accuracy of "
           "another network, pass for the latency of hardware)", kind="choice", choices=("fail", "pass")),
    Option("pose-cache", "folder of compiled networks that are kept from run to run, or off (default: in "
           "~/.cache/stm32pose; docs/networks.md)", metavar="DIR"),
    Option("pose-history", "add the run to this history (docs/baselines.md)", metavar="FILE"),
    Option("pose-fault", "inject a fault into a virtual board ('stm32pose faults' lists them)",
           metavar="SPEC"),
    Option("pose-json", "write the run record", metavar="FILE"),
    Option("pose-openmetrics", "write the figures as OpenMetrics text", metavar="FILE"),
    Option("pose-code-quality", "write what is wrong as GitLab's code quality report", metavar="FILE"),
    Option("pose-st-config", "user_config.yaml of ST's pose services: what it says is the default of the other options "
           "(docs/st-config.md)", metavar="FILE"),
)  # fmt: skip


#: Those that say what outputs are, and what of them counts: other commands have them too.
MEANING_OPTIONS = ("pose-family", "pose-keypoints", "pose-units", "pose-classes", "pose-outputs", "pose-score",
                   "pose-keypoint-score", "pose-nms-iou", "pose-max-persons")  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """The resolved options of one run."""

    boards: tuple[str, ...] = ()
    require_board: bool = False
    models: tuple[str, ...] = ()
    plan: Literal["small", "plain"] = "small"
    images: Path | None = None
    images_root: Path | None = None
    category: str | None = None
    max_images: int | None = None
    min_pictures: int = 1
    preprocess: Preprocessing = preprocessing.DEFAULT
    family: str | None = None
    keypoints: int | None = None
    skeleton: str | None = None
    units: Literal["normalised", "pixels"] | None = None
    classes: int | None = None
    outputs: tuple[int, ...] = ()  #: those that are decoded; () leaves it open
    decoding: Decoding = USUAL_DECODING
    backend: str = "runtime"
    network_dir: Path | None = None
    vendor_dir: Path | None = None
    weights: Literal["auto", "flash", "ram"] | None = None  #: None: as the board's entry says
    firmware: Path | None = None
    transport: str | None = None
    boards_file: Path | None = None
    lock_wait_s: float = LOCK_WAIT_S
    probe: str | None = None
    serial_url: str | None = None
    serial_baud: int | None = None
    twin_faults: tuple[str, ...] = ()
    repeat: int | None = None
    output_data: Literal["crc", "full"] = "crc"
    overlap: Literal["auto", "off"] = "auto"
    profile: bool = False
    golden: GoldenMode = "live"
    golden_dir: Path = Path("goldens")
    budgets: tuple[str, ...] = ()
    baseline: str | None = None
    gate: bool = False
    gate_limits: Path | None = None
    gate_unclear: Literal["fail", "pass"] | None = None
    cache: str | None = None  #: a folder, or "off"; None: the user's (cache.py)
    history: Path | None = None
    fault: str | None = None
    json: Path | None = None
    openmetrics: Path | None = None
    code_quality: Path | None = None
    st_config: Path | None = None
    zoo: tuple[str, ...] = ()  #: the rows of `models` that a name of ZOO_SETS added: each is run or its reason recorded


def _convert(option: Option, value: object, origin: str) -> object:
    """Checks one value; `origin` says where it came from, for the error."""
    if option.kind == "list":
        items = value if isinstance(value, (list, tuple)) else [value]
        return tuple(part.strip() for item in items for part in str(item).split(",") if part.strip())
    if option.kind == "switch":
        if isinstance(value, bool):
            return value
        if str(value).lower() in ("1", "true", "yes", "on"):
            return True
        if str(value).lower() in ("0", "false", "no", "off", ""):
            return False
        raise ConfigError(f"{origin}: {value!r} is not a switch.", remedy="Use true or false.")
    if option.kind == "count":
        try:
            count = int(str(value))
        except ValueError:
            count = 0
        if count < 1:
            raise ConfigError(f"{origin}: {value!r} is not a whole number of at least 1.")
        return count
    if option.kind == "fraction":
        return _fraction(value, origin)
    if option.kind == "indices":
        return _indices(value, origin)
    if option.kind == "seconds":
        try:
            seconds = float(str(value))
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds < float("inf"):
            raise ConfigError(f"{origin}: {value!r} is not a number of seconds.")
        return seconds
    if option.kind in ("number", "numbers", "levels"):
        try:
            return preprocessing.read_numbers(str(value), option.kind)
        except ValueError as error:
            raise ConfigError(f"{origin}: {value!r} is {error}.") from None
    if option.kind == "choice" and value not in option.choices:
        raise ConfigError(f"{origin}: {value!r} is not one of {', '.join(option.choices)}.")
    return str(value)


def _is_file(skeleton: str | None) -> bool:
    """Whether --pose-skeleton names a file, and no set."""
    return skeleton is not None and skeleton.lower().endswith(".toml")


def _fraction(value: object, origin: str) -> float:
    try:
        fraction = float(str(value))
    except ValueError:
        fraction = -1.0
    if not 0 <= fraction <= 1:
        raise ConfigError(f"{origin}: {value!r} is not a number of 0 to 1.")
    return fraction


def _indices(value: object, origin: str) -> tuple[int, ...]:
    parts = [part.strip() for part in str(value).split(",")]
    if not all(part.isascii() and part.isdecimal() and len(part) < 4 for part in parts):
        raise ConfigError(f"{origin}: {value!r} is not a list of numbers such as 0 or 1,0.")
    return tuple(map(int, parts))


def _decoding(got: Mapping[str, Any]) -> Decoding:
    """What the options say of persons. Raises ConfigError: more persons than the device has room for."""
    names = {"score": "pose_score", "keypoint_score": "pose_keypoint_score", "nms_iou": "pose_nms_iou",
             "max_persons": "pose_max_persons"}  # fmt: skip
    decoding = Decoding(**{name: got[dest] for name, dest in names.items() if got[dest] is not None})
    if decoding.max_persons > MAX_PERSONS:
        raise ConfigError(
            f"--pose-max-persons={decoding.max_persons}: a device's answer has room for {MAX_PERSONS} persons.",
            remedy=f"Ask for at most {MAX_PERSONS}.",
        )
    return decoding


def preprocessing_of(got: Mapping[str, Any]) -> Preprocessing:
    """From the values of the options by dest; what is None is the default."""
    given = {
        "mode": got.get("pose_preprocess"),
        **{name: got.get(f"pose_{name}") for name in ("letterbox", "pad", "resize", "color", "scale", "offset")},
        **{name: got.get(f"pose_{name}") for name in ("mean", "std", "jpeg")},
    }
    return Preprocessing(**{name: value for name, value in given.items() if value is not None})


def read_option(dest: str, text: str) -> Any:
    """One value of an option of the command line `stm32pose`, as pytest takes it. Raises ConfigError."""
    option = next(each for each in OPTIONS if each.dest == dest)
    return _convert(option, text, f"--{option.flag}")


def _lookup(
    option: Option, from_line: Callable[[str], object], environ: Mapping[str, str], from_ini: Callable[[str], object]
) -> Any:
    """First source that has a value, by precedence; None when none has."""
    value = from_line(option.dest)
    if value not in (None, [], False):
        return _convert(option, value, f"--{option.flag}")
    text = environ.get(option.environment)
    if text:
        return _convert(option, text, f"environment variable {option.environment}")
    value = from_ini(option.dest)
    if value not in (None, "", []):
        return _convert(option, value, f"ini option {option.dest}")
    return None


def split_serial(text: str | None) -> tuple[str | None, int | None]:
    """Splits URL[@BAUD]; an @ that is not followed by digits belongs to the URL."""
    if text is None:
        return None, None
    url, at, baud = text.rpartition("@")
    if at and baud.isdigit():
        return url, int(baud)
    return text, None


#: What a file says of options that no source in front of it has named: file, what those said by dest -> value (a tuple
#: is taken as it is) and where it is from, by dest.
FileSource = Callable[[Path, Mapping[str, Any]], Mapping[str, tuple[object, str]]]


def resolve(
    from_line: Callable[[str], object],
    environ: Mapping[str, str],
    from_ini: Callable[[str], object],
    base: Path,
    read_st_config: FileSource | None = None,
) -> Settings:
    """Resolves all options.

    Args:
        from_line: dest -> value given on the command line, or None.
        environ: environment variables.
        from_ini: dest -> value in the ini file, or None.
        base: folder against which relative paths are taken (where pytest was invoked).
        read_st_config: reads the file of --pose-st-config (st_config/).

    Raises:
        ConfigError: a value is not of its option's kind.
    """
    got = {o.dest: _lookup(o, from_line, environ, from_ini) for o in OPTIONS}

    def path(dest: str) -> Path | None:
        return None if got[dest] is None else base / Path(got[dest]).expanduser()

    st_config = path("pose_st_config")
    if st_config is not None and read_st_config is not None:
        options = {option.dest: option for option in OPTIONS}
        for dest, (value, origin) in read_st_config(st_config, got).items():
            got[dest] = value if isinstance(value, tuple) else _convert(options[dest], value, origin)

    url, baud = split_serial(got["pose_serial"])
    baseline = got["pose_baseline"]
    given: dict[str, Any] = {
        "boards": got["pose_board"],
        "require_board": got["pose_require_board"],
        "models": got["pose_model"],
        "plan": got["pose_plan"],
        "images": path("pose_images"),
        "images_root": path("pose_images_root"),
        "category": got["pose_category"],
        "max_images": got["pose_max_images"],
        "min_pictures": got["pose_min_pictures"],
        "preprocess": preprocessing_of(got),
        "family": got["pose_family"],
        "keypoints": got["pose_keypoints"],
        "skeleton": str(path("pose_skeleton")) if _is_file(got["pose_skeleton"]) else got["pose_skeleton"],
        "units": got["pose_units"],
        "classes": got["pose_classes"],
        "outputs": got["pose_outputs"],
        "decoding": _decoding(got),
        "backend": got["pose_backend"],
        "network_dir": path("pose_network_dir"),
        "vendor_dir": path("pose_vendor_dir"),
        "weights": got["pose_weights"],
        "firmware": path("pose_firmware"),
        "transport": got["pose_transport"],
        "boards_file": path("pose_boards_file"),
        "lock_wait_s": got["pose_lock_wait"],
        "probe": got["pose_probe"],
        "serial_url": url,
        "serial_baud": baud,
        "twin_faults": got["pose_twin_fault"],
        "repeat": got["pose_repeat"],
        "output_data": got["pose_output_data"],
        "overlap": got["pose_overlap"],
        "profile": got["pose_profile"],
        "golden": got["pose_golden"],
        "golden_dir": path("pose_golden_dir") or base / Settings.golden_dir,
        "budgets": got["pose_budget"],
        "baseline": baseline if (baseline or "git:").startswith("git:") else str(path("pose_baseline")),
        "gate": got["pose_gate"],
        "gate_limits": path("pose_gate_limits"),
        "gate_unclear": got["pose_gate_unclear"],
        "cache": got["pose_cache"] if got["pose_cache"] in (None, "off") else str(path("pose_cache")),
        "history": path("pose_history"),
        "fault": got["pose_fault"],
        "json": path("pose_json"),
        "openmetrics": path("pose_openmetrics"),
        "code_quality": path("pose_code_quality"),
        "st_config": st_config,
    }
    return Settings(**{name: value for name, value in given.items() if value is not None})  # else Settings' default


def with_meaning(settings: Settings, said: Settings) -> Settings:
    """Settings with what others say of outputs (MEANING_OPTIONS) and of their keypoints."""
    names = ("family", "keypoints", "skeleton", "units", "classes", "outputs", "decoding")
    return replace(settings, **{name: getattr(said, name) for name in names})
