"""Every key of both generations: what it becomes, what is left with which reason, what is refused and where."""

from __future__ import annotations

import pytest

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.st_config.document import parse_document
from pytest_stm32pose.st_config.keys import OPEN, SECTIONS, TAKEN
from pytest_stm32pose.st_config.mapping import NUMBERS, WORDS, map_document
from pytest_stm32pose.st_config.told import Files, Mapped, Refused, Taken
from tests.support.st_configs import NEW, OLD

FILES = Files(
    model=lambda text: (f"/found/{text}", "beside the file") if text.endswith("net.tflite") else None,
    pictures=lambda text: (f"/found/{text}", "") if "pictures" in text else None,
    places="/here, /there",
    fetch=lambda name: "Get it with `stm32pose models fetch row`." if name == "zoo.tflite" else "",
)


def mapped(text: str, *, decided: tuple[str, ...] = (), tensorflow: bool = True, **environ: str) -> Mapped:
    document = parse_document(text.encode(), "c.yaml")
    return map_document(document, "c.yaml", files=FILES, environ=environ, tensorflow=tensorflow, decided=decided)


def values(found: Mapped) -> dict[str, object]:
    return {dest: each.value for dest, each in found.options.items() if isinstance(each, Taken)}


def error(found: Mapped, dest: str) -> str:
    option = found.options[dest]
    assert isinstance(option, Refused)
    return str(option.error)


def test_the_generation_of_2026() -> None:
    found = mapped(NEW.format(model="net.tflite", images="pictures"))
    assert values(found) == {
        "pose_model": ("/found/net.tflite",),
        "pose_family": "heatmap",
        "pose_keypoints": "13",
        "pose_images": "/found/pictures",
        "pose_scale": repr(1 / 127.5),
        "pose_offset": "-1",
        "pose_resize": "nearest",
        "pose_preprocess": "stretch",
        "pose_color": "rgb",
        "pose_score": "0.002",
        "pose_keypoint_score": "0.15",
        "pose_nms_iou": "0.2",
        "pose_max_persons": "20",
        "pose_jpeg": "tensorflow",
    }
    left = {each.key: each.why for each in found.left}
    assert set(left) == {
        "general.project_name", "general.num_threads_tflite", "operation_mode", "evaluation.target",
        "evaluation.input_type", "dataset.dataset_name", "dataset.class_names", "dataset.quantization_split",
        "postprocessing.plot_metrics", "quantization.quantizer", "quantization.quantization_output_type",
        "tools.stedgeai.optimization", "tools.stedgeai.on_cloud", "tools.stedgeai.path_to_stedgeai",
        "benchmarking.board", "mlflow.uri", "hydra.run",
    }  # fmt: skip
    assert "--board" in left["evaluation.target"]
    assert all(left.values())


def test_the_generation_of_2025() -> None:
    found = mapped(OLD.format(model="net.tflite", images="pictures"), tensorflow=False)
    assert values(found) == {
        "pose_model": ("/found/net.tflite",),
        "pose_family": "heatmap",
        "pose_keypoints": "13",
        "pose_images": "/found/pictures",
        "pose_scale": repr(1 / 255),
        "pose_offset": "0",
        "pose_resize": "bilinear",
        "pose_preprocess": "letterbox",
        "pose_color": "grey",
    }
    left = {each.key: each.why for each in found.left}
    assert left["training.model"] == left["training.batch_size"] == OPEN["training"]
    assert "not installed here" in left["(the JPEG decoder)"]


def test_evaluation_on_a_target_names_another_configuration() -> None:
    found = mapped("general: {model_path: net.tflite, config_path: other.yaml, dataset_path: pictures}\n"
                   "parameters: {evaluation_target: stedgeai_n6, profile: profile_O3}\n")  # fmt: skip
    assert found.other is not None
    assert (found.other.value, values(found)["pose_images"]) == ("other.yaml", "/found/pictures")


@pytest.mark.parametrize(
    ("key", "word", "dest", "value"),
    [(key, word, dest, value) for key, (dest, words) in WORDS.items() for word, value in words.items()],
)
def test_every_word(key: str, word: str, dest: str, value: str) -> None:
    *sections, last = key.split(".")
    text = "".join(f"{'  ' * depth}{name}:\n" for depth, name in enumerate(sections))
    assert values(mapped(f"{text}{'  ' * len(sections)}{last}: {word}\n"))[dest] == value


@pytest.mark.parametrize("key", [f"{section}.{key}" for section, keys in SECTIONS.items() if keys for key in keys])
def test_every_known_key_is_taken_or_left_with_a_reason(key: str) -> None:
    """Whatever its value: nothing of a configuration goes without a word."""
    *sections, last = key.split(".")
    if key in SECTIONS:
        return
    text = "".join(f"{'  ' * depth}{name}:\n" for depth, name in enumerate(sections))
    found = mapped(f"{text}{'  ' * len(sections)}{last}: 0.5\n")
    told = {each.key for each in found.left} | {each.key for each in found.options.values()}
    assert key in told or (found.other is not None and key == "general.config_path")
    section = SECTIONS[".".join(sections)]
    assert section is not None
    assert (section[last] == TAKEN) == (key not in {each.key for each in found.left})


def test_padding_is_bilinear_whatever_the_method() -> None:
    """As tf.image.resize_with_pad, which ST's services call, is."""
    text = "preprocessing:\n  resizing: {aspect_ratio: padding, interpolation: nearest}\n"
    found = mapped(text)
    assert (values(found)["pose_preprocess"], values(found)["pose_resize"]) == ("letterbox", "bilinear")
    assert "bilinearly" in next(each.why for each in found.left if each.key.endswith("interpolation"))
    assert values(mapped(text, decided=("pose_preprocess",)))["pose_resize"] == "nearest", "it is not ST's padding then"


@pytest.mark.parametrize(
    ("mode", "taken"), [("deployment", True), ("chain_qd", True), ("evaluation", False), ("", False)]
)
def test_crop_is_what_the_application_does(mode: str, taken: bool) -> None:
    head = f"operation_mode: {mode}\n" if mode else ""
    found = mapped(f"{head}preprocessing:\n  resizing:\n    aspect_ratio: crop\n")
    if taken:
        assert values(found)["pose_preprocess"] == "crop"
    else:
        assert (
            "aspect_ratio is 'crop', which ST's own evaluation refuses too. Say what is meant with --pose-preprocess"
            in (error(found, "pose_preprocess"))
        )


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("evaluation", "pictures/test"),
        ("chain_tqe", "pictures/test"),
        ("prediction", "pictures/new"),
        (None, "pictures/test"),
    ],
)
def test_which_pictures(mode: str | None, expected: str) -> None:
    folders = {"training": "t", "validation": "v", "test": "test", "prediction": "new"}
    sets = "{" + ", ".join(f"{name}_path: pictures/{folder}" for name, folder in folders.items()) + "}"
    found = mapped(f"dataset: {sets}\n" + (f"operation_mode: {mode}\n" if mode else ""))
    assert values(found)["pose_images"] == f"/found/{expected}"
    used = "dataset.prediction_path" if mode == "prediction" else "dataset.test_path"
    left = {each.key: each.why for each in found.left}
    assert left["dataset.validation_path"] == f"{used} is used"
    assert values(mapped("dataset: {validation_path: pictures/v}"))["pose_images"] == "/found/pictures/v"


def test_no_pictures_are_told_of() -> None:
    found = mapped("dataset: {training_path: pictures}")
    assert "pose_images" not in found.options
    assert "--pose-images" in next(each.why for each in found.left if each.key == "dataset")


def test_variables_of_the_environment() -> None:
    text = (
        "general: {logs_dir: '${NOWHERE}'}\nmodel: {model_path: '${ROOT}/net.tflite'}\ndataset: {keypoints: '${K}'}\n"
    )
    found = mapped(text, ROOT="/data", K="21")
    assert values(found)["pose_model"] == ("/found//data/net.tflite",)
    assert values(found)["pose_keypoints"] == "21"
    told = error(mapped(text, K="21"), "pose_model")
    assert told.startswith(
        "c.yaml, line 2: model.model_path is '${ROOT}/net.tflite', which needs the environment variable "
    )
    assert told.endswith("variable ROOT, and there is none. Name the .tflite with --pose-model.")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("https://example.org/net.tflite", "an address, and nothing is downloaded unasked. Download it, and name"),
        ("http://h/a/zoo.tflite?raw=1", "an address, .* Get it with `stm32pose models fetch row`"),
        ("a/b/net.onnx", "an ONNX file, and int8 .tflite files are run. Convert it .onnx2tf -i FILE -oiqt"),
        ("a/net.h5", "a float network. Quantise it"),
        ("net.KERAS", "a float network"),
        ("net.pt", "a network of PyTorch"),
        ("elsewhere/other.tflite", "which is in none of these folders: /here, /there. Name the .tflite"),
        ("..\\\\zoo.tflite", "in none of these folders: /here, /there. Get it with"),
        ("17", "which is not text"),
        ("[net.tflite]", "a list, which is not text"),
        ("' '", "which is no path"),
        ('"a\\nb"', "which is no path"),
    ],
)
def test_networks_that_cannot_be_used(value: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        option = mapped(f"model:\n  model_path: {value}\n").options["pose_model"]
        assert isinstance(option, Refused)
        assert str(option.error).startswith("c.yaml, line 2: model.model_path is ")
        raise option.error


@pytest.mark.parametrize(
    "text", ["{}", "model: {model_path: }", "model: {model_name: x, model_path: None}", "training:"]
)
def test_a_configuration_without_a_network(text: str) -> None:
    assert error(mapped(text), "pose_model") == (
        "c.yaml names no network (model.model_path). Name it with --pose-model."
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("datasets: {}", "line 1: there is no section 'datasets' in ST's configurations. Did you mean dataset?"),
        ("preprocessing.rescaling: {scale: 1}", "there is no section 'preprocessing.rescaling'"),
        ("\n\ndataset:\n  keypoint: 17\n", "line 4: dataset has no key 'keypoint'. Did you mean keypoints?"),
        (
            "preprocessing:\n  rescaling:\n    shift: 1\n",
            "line 3: preprocessing.rescaling has no key 'shift'. ST's keys",
        ),
        ("postprocessing: {nms_thresh: 1}", "postprocessing has no key 'nms_thresh'. Did you mean NMS_thresh?"),
        ("tools: {stedgeai: {speed: 1}}", "tools.stedgeai has no key 'speed'"),
        ("preprocessing: 3", "preprocessing is 3, which is no section"),
        ("preprocessing: {resizing: fit}", "preprocessing.resizing is 'fit', which is no section"),
        ("dataset: [a]", "dataset is a list, which is no section"),
        ("operation_mode: evaluate", "operation_mode is 'evaluate', which is none of ST's. Did you mean evaluation?"),
        ("operation_mode: {a: 1}", "operation_mode is a section, which is none of ST's"),
    ],
)
def test_a_file_that_is_no_configuration_of_st(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        mapped(text)
    assert message in str(caught.value)
    assert str(caught.value).startswith("c.yaml, line ")


@pytest.mark.parametrize(
    ("text", "dest", "message"),
    [
        ("preprocessing: {color_mode: rgba}", "pose_color", "color_mode is 'rgba', which ST reads as three channels."),
        ("preprocessing: {color_mode: gray}", "pose_color", "which is none of rgb, bgr, grayscale."),
        ("preprocessing: {color_mode: 3}", "pose_color", "color_mode is 3, which is none of"),
        ("preprocessing: {color_mode: [rgb]}", "pose_color", "color_mode is a list, which is none of"),
        (
            "preprocessing: {resizing: {interpolation: lanczos3}}",
            "pose_resize",
            "'lanczos3', which is no method of this",
        ),
        ("preprocessing: {resizing: {interpolation: bilinar}}", "pose_resize", "Did you mean bilinear? Or say it with"),
        (
            "preprocessing: {resizing: {aspect_ratio: fill}}",
            "pose_preprocess",
            "'fill', which is none of fit, padding.",
        ),
        ("preprocessing: {rescaling: {scale: abc}}", "pose_scale", "scale is 'abc', which is not a number such as 0.5"),
        ("preprocessing: {rescaling: {scale: 1/0}}", "pose_scale", "scale is '1/0', which divides by nought."),
        ("preprocessing: {rescaling: {offset: [0, 0, 0]}}", "pose_offset", "offset is a list, which is not a number"),
        ("preprocessing: {rescaling: {offset: True}}", "pose_offset", "offset is True, which is not a number"),
        ("preprocessing: {rescaling: {offset: .inf}}", "pose_offset", "offset is inf, which is no finite number"),
        ("dataset: {keypoints: 0}", "pose_keypoints", "keypoints is 0, which is not a whole number of at least 1."),
        (
            "dataset: {test_path: nowhere}",
            "pose_images",
            "'nowhere', which is in none of these folders: /here, /there.",
        ),
        ("dataset: {test_path: 3}", "pose_images", "test_path is 3, which is not text."),
        ("postprocessing: {NMS_thresh: 1.5}", "pose_nms_iou", "NMS_thresh is 1.5, which is not from 0 to 1."),
        ("postprocessing: {max_detection_boxes: 1.5}", "pose_max_persons", "is 1.5, which is not a whole number"),
        ("model: {model_type: pose}", "pose_family", "model_type is 'pose', which is none of heatmaps_spe, spe"),
        (
            "model: {model_type: spe}\ngeneral: {model_type: yolo_mpe}",
            "pose_family",
            "and model.model_type is another.",
        ),
        ("model: {model_path: net.tflite}\ngeneral: {model_path: x}", "pose_model", "and model.model_path is another."),
    ],
)
def test_values_that_cannot_be(text: str, dest: str, message: str) -> None:
    told = error(mapped(text), dest)
    assert told.startswith("c.yaml, line ")
    assert message in told
    assert told.count("\n") == 0
    assert told.endswith(".")


def test_long_values_are_shown_by_both_ends() -> None:
    told = error(mapped(f"model: {{model_path: 'https://{'x' * 900}/net.tflite'}}"), "pose_model")
    assert "https://" in told
    assert "net.tflite" in told
    assert len(told) < 300


def test_the_options_have_the_keys_that_the_tables_name() -> None:
    for key in (*NUMBERS, *WORDS):
        section, _, last = key.rpartition(".")
        known = SECTIONS[section]
        assert known is not None
        assert known[last] == TAKEN
