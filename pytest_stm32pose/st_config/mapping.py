"""What a configuration of ST's pose services means in options of this harness: taken, refused, or left with a reason.

Options go by their dest (settings.py). Which of ST's definitions are meant: docs/st-config.md. Pure: who calls it finds
the files.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from pytest_stm32pose.errors import ConfigError, did_you_mean
from pytest_stm32pose.st_config import values
from pytest_stm32pose.st_config.collected import Collected
from pytest_stm32pose.st_config.document import Entry
from pytest_stm32pose.st_config.told import Files, Left, Mapped, Refused, Taken

#: Key -> option, and how its value is read.
NUMBERS: Mapping[str, tuple[str, Callable[[object], float]]] = {
    "preprocessing.rescaling.scale": ("pose_scale", values.number),
    "preprocessing.rescaling.offset": ("pose_offset", values.number),
    "postprocessing.confidence_thresh": ("pose_score", values.fraction),
    "postprocessing.kpts_conf_thresh": ("pose_keypoint_score", values.fraction),
    "postprocessing.NMS_thresh": ("pose_nms_iou", values.fraction),
    "postprocessing.max_detection_boxes": ("pose_max_persons", values.count),
    "dataset.keypoints": ("pose_keypoints", values.count),
}
_ASPECT, _METHOD = "preprocessing.resizing.aspect_ratio", "preprocessing.resizing.interpolation"
_FAMILIES = {
    "heatmaps_spe": "heatmap",
    "spe": "single_pose",
    "yolo_mpe": "yolo",
    "hand_spe": "landmarks",
    "head_spe": "landmarks",
}
#: Key -> option, and what ST's words are there.
WORDS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "general.model_type": ("pose_family", _FAMILIES),
    "model.model_type": ("pose_family", _FAMILIES),
    _ASPECT: ("pose_preprocess", {"fit": "stretch", "padding": "letterbox"}),
    _METHOD: ("pose_resize", {"bilinear": "bilinear", "nearest": "nearest", "bicubic": "bicubic"}),
    "preprocessing.color_mode": ("pose_color", {"rgb": "rgb", "bgr": "bgr", "grayscale": "grey"}),
}
#: Words that ST knows and that are not taken: how the sentence ends, and the remedy.
REFUSED: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(
        ("area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic"),
        ("which is no method of this harness", "Name another with --pose-resize, for instance bilinear."),
    ),
    "crop": (
        "which ST's own evaluation refuses too",
        "Say what is meant with --pose-preprocess=crop, letterbox or stretch.",
    ),
    "rgba": ("which ST reads as three channels", "Write rgb, or say --pose-color=rgb."),
}
#: ST's services whose application crops the picture of the camera.
_CROPPED_BY = ("deployment", "chain_qd")
#: Where pictures are named, the first that is there counts; ST evaluates the test set, else the validation set.
_EVALUATED = ("dataset.test_path", "dataset.validation_path", "general.dataset_path")
_PREDICTED = ("dataset.prediction_path", "prediction.test_files_path")
#: What is no .tflite: how the sentence ends, and the remedy.
_CONVERSIONS: Mapping[str, tuple[str, str]] = {
    ".onnx": (
        "an ONNX file, and int8 .tflite files are run",
        "Convert it (onnx2tf -i FILE -oiqt; docs/zoo.md), and name the .tflite with --pose-model.",
    ),
    **dict.fromkeys(
        (".h5", ".keras"),
        (
            "a float network",
            "Quantise it with ST's service or `stm32pose models convert`, and name the .tflite with --pose-model.",
        ),
    ),
    **dict.fromkeys(
        (".pt", ".pth"),
        ("a network of PyTorch", "Export it to an int8 .tflite, and name that with --pose-model."),
    ),
}


def map_document(
    document: Mapping[str, Entry],
    file: str,
    *,
    files: Files,
    environ: Mapping[str, str],
    tensorflow: bool,
    decided: Collection[str] = (),
) -> Mapped:
    """Options of a configuration.

    Args:
        document: its entries.
        file: its name, for errors.
        files: how networks and pictures are found.
        environ: for ${VARIABLES}.
        tensorflow: whether its JPEG decoder, which is ST's, is there.
        decided: options that a source in front of the file has named.

    Raises:
        ConfigError: an unknown section, key or mode; a section that is none.
    """
    told = Collected(document, file)
    options: dict[str, Taken | Refused] = {}
    for key in (key for key in NUMBERS if key in told.found):
        options[NUMBERS[key][0]] = _number(told, key, environ)
    for key in (key for key in WORDS if key in told.found):
        options[WORDS[key][0]] = _word(told, key)
    if "pose_preprocess" not in decided:
        options |= _crop_and_padding(told)
    options["pose_model"] = _model(told, files, environ)
    options |= _pictures(told, files, environ)
    options |= {dest: refusal for dest, refusal in _contradictions(told).items() if refusal}
    if tensorflow:
        options["pose_jpeg"] = Taken("tensorflow", "", "as ST's services do")
    else:
        why = "ST's is TensorFlow's, which is not installed here; Pillow's differs by a few steps of 255"
        told.left.append(Left("(the JPEG decoder)", why))
    return Mapped(options, tuple(told.left), told.found.get("general.config_path"))


def _number(told: Collected, key: str, environ: Mapping[str, str]) -> Taken | Refused:
    dest, read = NUMBERS[key]
    given = told.found[key].value
    try:
        value = read(values.expand(given, environ) if isinstance(given, str) else given)
    except ValueError as error:
        return told.refusal(key, f"which {error}", f"Mend it, or say it with {_flag(dest)}.")
    text = repr(value).removesuffix(".0")
    return Taken(text, key, "" if str(given) == text else str(given))


def _word(told: Collected, key: str) -> Taken | Refused:
    dest, known = WORDS[key]
    value = told.found[key].value
    word = value.strip() if isinstance(value, str) else ""
    if word in REFUSED and word not in known:
        return told.refusal(key, *REFUSED[word])
    if word not in known:
        near = did_you_mean(word, known)
        return told.refusal(key, f"which is none of {', '.join(known)}", f"{near}Or say it with {_flag(dest)}.")
    return Taken(known[word], key, word)


def _crop_and_padding(told: Collected) -> dict[str, Taken | Refused]:
    """ST's application crops, its evaluation cannot; what ST pads it resizes bilinearly, whatever it is told."""
    aspect = told.found[_ASPECT].value if _ASPECT in told.found else None
    if aspect == "crop" and told.mode in _CROPPED_BY:
        return {"pose_preprocess": Taken("crop", _ASPECT, "crop, as the application does")}
    if aspect != "padding":
        return {}
    if _METHOD in told.found and told.found[_METHOD].value != "bilinear":
        told.left.append(Left(_METHOD, "ST's padding resizes bilinearly, whatever stands there"))
    return {"pose_resize": Taken("bilinear", _ASPECT, "of ST's padding")}


def _contradictions(told: Collected) -> dict[str, Refused | None]:
    """`general` (2025) and `model` (2026) say the same, where both speak."""
    return {
        dest: told.refusal(f"general.{name}", f"and model.{name} is another", "Keep one of the two.")
        if f"general.{name}" in told.found
        and f"model.{name}" in told.found
        and told.found[f"general.{name}"].value != told.found[f"model.{name}"].value
        else None
        for name, dest in (("model_path", "pose_model"), ("model_type", "pose_family"))
    }


def _model(told: Collected, files: Files, environ: Mapping[str, str]) -> Taken | Refused:
    key = next((key for key in ("model.model_path", "general.model_path") if key in told.found), None)
    if key is None:
        beside = f", for instance --pose-model={files.beside}" if files.beside else ""
        message = f"{told.file} names no network (model.model_path)."
        return Refused(ConfigError(message, remedy=f"Name it with --pose-model{beside}."))
    try:
        text = values.path_text(told.found[key].value, environ)
    except ValueError as error:
        return told.refusal(key, f"which {error}", "Name the .tflite with --pose-model.")
    name = text.replace("\\", "/").rsplit("/", 1)[-1].split("?")[0]
    get = files.fetch(name)
    if text[:4].lower() == "http":
        download = "Download it, and name the file with --pose-model."
        return told.refusal(key, "an address, and nothing is downloaded unasked", get or download)
    suffix = "." + name.rpartition(".")[2].lower()
    if suffix in _CONVERSIONS:
        return told.refusal(key, *_CONVERSIONS[suffix])
    found = files.model(text)
    if found is None:
        remedy = get or "Name the .tflite with --pose-model."
        return told.refusal(key, f"which is in none of these folders: {files.places}", remedy)
    return Taken((found[0],), key, found[1])


def _pictures(told: Collected, files: Files, environ: Mapping[str, str]) -> dict[str, Taken | Refused]:
    order = (*_PREDICTED, *_EVALUATED) if told.mode == "prediction" else (*_EVALUATED, *_PREDICTED)
    keys = [key for key in order if key in told.found]
    if not keys:
        told.left.append(Left("dataset", "it names no pictures to test; --pose-images does"))
        return {}
    told.left += [Left(key, f"{keys[0]} is used") for key in keys[1:]]
    key, remedy = keys[0], "Name the pictures with --pose-images."
    try:
        found = files.pictures(values.path_text(told.found[key].value, environ))
    except ValueError as error:
        return {"pose_images": told.refusal(key, f"which {error}", remedy)}
    if found is None:
        ending = f"which is in none of these folders: {files.places}"
        return {"pose_images": told.refusal(key, ending, remedy)}
    return {"pose_images": Taken(found[0], key, found[1])}


def _flag(dest: str) -> str:
    return "--" + dest.replace("_", "-")
