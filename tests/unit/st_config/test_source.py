"""The file of --pose-st-config as a source of options: precedence, paths, what it leaves, what is said of it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.models import zoo as zoo_module
from pytest_stm32pose.models.zoo import default_model, zoo
from pytest_stm32pose.settings import Settings, resolve
from pytest_stm32pose.st_config.source import StConfigSource, read_st_config
from tests.support.st_configs import NEW, OLD, has, write
from tests.support.tflite_builder import OpSpec, TensorSpec, build_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a network, two folders of pictures, and the configuration of 2026."""
    shutil.copy(default_model(), tmp_path / "net.tflite")
    (tmp_path / "pictures").mkdir()
    write(tmp_path, NEW)
    return tmp_path


def nothing(dest: str) -> object:
    return None


def settings(
    folder: Path,
    line: dict[str, Any] | None = None,
    environ: dict[str, str] | None = None,
    ini: dict[str, Any] | None = None,
    base: Path = Path("/"),
) -> Settings:
    line = {"pose_st_config": str(folder / "user_config.yaml"), **(line or {})}
    return resolve(line.get, environ or {}, (ini or {}).get, base, StConfigSource(environ or {}, base))


def left(folder: Path, **given: Any) -> dict[str, str]:
    found = read_st_config(folder / "user_config.yaml", {}, Path("/"), given)
    return {each.key: each.why for each in found.left}


def test_it_says_what_nobody_else_says(folder: Path) -> None:
    got = settings(folder)
    assert got.models == (str(folder / "net.tflite"),)
    assert got.images == folder / "pictures"
    assert (got.family, got.keypoints) == ("heatmap", 13)
    assert got.st_config == folder / "user_config.yaml"
    assert Settings().st_config is None


def test_every_other_source_stands_in_front_of_it(folder: Path) -> None:
    assert settings(folder, {"pose_keypoints": "12"}).keypoints == 12
    assert settings(folder, environ={"STM32POSE_KEYPOINTS": "14"}).keypoints == 14
    assert settings(folder, ini={"pose_keypoints": "15"}).keypoints == 15
    assert settings(folder, ini={"pose_images": "/elsewhere"}).images == Path("/elsewhere")
    assert left(folder, pose_keypoints=12)["dataset.keypoints"] == "--pose-keypoints is given"


def test_the_file_may_be_named_in_the_environment_and_the_ini_file(folder: Path) -> None:
    path = str(folder / "user_config.yaml")
    environ = {"STM32POSE_ST_CONFIG": path}
    assert resolve(nothing, environ, nothing, Path("/"), StConfigSource(environ, Path("/"))).keypoints == 13
    ini = {"pose_st_config": "user_config.yaml"}
    assert resolve(nothing, {}, ini.get, folder, StConfigSource({}, folder)).keypoints == 13


def test_what_is_refused_counts_only_where_nobody_else_speaks(folder: Path) -> None:
    write(folder, NEW, model="https://example.org/net.tflite", images="nowhere")
    with pytest.raises(ConfigError, match=r"line 5: model.model_path .* nothing is downloaded unasked"):
        settings(folder)
    got = settings(folder, {"pose_model": ["x.tflite"], "pose_images": "there"})
    assert (got.models, got.images) == (("x.tflite",), Path("/there"))


def test_a_path_with_a_comma_is_one_path(folder: Path) -> None:
    shutil.copy(default_model(), folder / "a,b.tflite")
    write(folder, NEW, model="a,b.tflite")
    assert settings(folder).models == (str(folder / "a,b.tflite"),)


def test_where_paths_are_looked_for(tmp_path: Path) -> None:
    """Where the run was started, beside the file, one folder above: the first that is there."""
    base, above = tmp_path / "base", tmp_path / "services"
    beside = above / "config_file_examples"
    for place in (base, beside):
        place.mkdir(parents=True)
    write(beside, OLD)
    (beside / "pictures").mkdir()
    for place in (above, beside, base):
        shutil.copy(default_model(), place / "net.tflite")
        got = settings(beside, base=base)
        assert got.models == (str(place / "net.tflite"),)
        assert got.images == beside / "pictures"
    found = read_st_config(beside / "user_config.yaml", {}, base, {})
    assert f"(general.model_path: net.tflite, in {base})" in "\n".join(found.lines())


def test_windows_paths_variables_and_homes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "nets").mkdir()
    shutil.copy(default_model(), folder / "nets" / "net.tflite")
    write(folder, NEW, model=".\\nets\\net.tflite", images="${{P}}/pictures".format())
    got = settings(folder, environ={"P": str(folder)})
    assert got.models[0].endswith("nets/net.tflite")
    assert got.images == folder / "pictures"
    monkeypatch.setenv("HOME", str(folder))
    write(folder, NEW, model="~/net.tflite", images="~nobody-of-that-name/x")
    assert settings(folder, {"pose_images": "x"}).models == (str(folder / "net.tflite"),)
    with pytest.raises(ConfigError, match=r"test_path is '~nobody-of-that-name/x', which is in none of these folders"):
        settings(folder)
    write(folder, NEW, model="x" * 900)
    with pytest.raises(ConfigError, match="is in none of these folders"):
        settings(folder)


def test_rescaling_is_undone_for_an_integer_input_as_in_sts_services(folder: Path) -> None:
    why = left(folder)
    assert why["preprocessing.rescaling.scale"] == why["preprocessing.rescaling.offset"]
    assert "pixels go in as they are" in why["preprocessing.rescaling.scale"]
    assert "pixels" not in left(folder, pose_model=("nowhere.tflite",)).get("preprocessing.rescaling.scale", "")


@pytest.mark.parametrize(("dtype", "undone"), [("uint8", True), ("int8", True), ("float32", False)])
def test_by_the_type_of_the_networks_input(dtype: str, undone: bool, folder: Path) -> None:
    tensors = [
        TensorSpec("in", dtype, (1, 8, 8, 3), [] if dtype == "float32" else [1.0], [] if dtype == "float32" else [0]),
        TensorSpec("out", "int8", (1, 8, 8, 3), [1.0], [0]),
    ]
    (folder / "net.tflite").write_bytes(build_model(tensors, [OpSpec("QUANTIZE", (0,), (1,))], [0], [1]))
    assert ("as they are" in left(folder).get("preprocessing.rescaling.scale", "")) == undone


def test_mean_and_deviation_take_the_place_of_rescaling(folder: Path) -> None:
    (folder / "net.tflite").write_bytes(b"no network")
    assert left(folder, pose_std=(58.0,))["preprocessing.rescaling.offset"] == "--pose-mean and --pose-std are given"


def test_a_configuration_of_an_evaluation_on_a_target(folder: Path) -> None:
    (folder / "target.yaml").write_text(
        "general: {model_path: net.tflite, config_path: user_config.yaml, dataset_path: pictures}\n"
        "parameters: {evaluation_target: stedgeai_n6}\n"
    )
    found = read_st_config(folder / "target.yaml", {}, Path("/"), {})
    assert found.options["pose_images"].value == str(folder / "pictures")
    assert found.options["pose_keypoints"].value == "13", "of the other file"
    assert "user_config.yaml: general.project_name" in {each.key for each in found.left}
    (folder / "target.yaml").write_text("general:\n  config_path: nowhere.yaml\n")
    with pytest.raises(
        ConfigError, match=r"target.yaml, line 2: general.config_path is 'nowhere.yaml', which is in none"
    ):
        read_st_config(folder / "target.yaml", {}, Path("/"), {})


def test_the_block_names_every_key(folder: Path) -> None:
    found = read_st_config(folder / "user_config.yaml", {}, Path("/"), {})
    text = "\n".join(found.lines())
    assert f"from {folder / 'user_config.yaml'}, behind command line, environment and ini file:" in text
    assert f"  --pose-model={folder / 'net.tflite'}  (model.model_path: net.tflite, in {folder})" in text
    assert "  --pose-family=heatmap  (model.model_type: heatmaps_spe)" in text
    assert "  general.num_threads_tflite, postprocessing.plot_metrics: it says how ST's run on the host goes" in text
    for key in ("tools.stedgeai.path_to_stedgeai", "benchmarking.board", "mlflow.uri", "hydra.run", "operation_mode"):
        assert text.count(key) == 1


def test_a_file_of_the_zoo_is_named_as_such(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STM32POSE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(zoo_module, "_CHECKOUT", tmp_path / "checkout")
    row = zoo()["yolov8n_pose_256_pt"]
    write(folder, NEW, model=f"https://example.org/raw/{row.file}")
    with pytest.raises(ConfigError, match=r"Get it with `stm32pose models fetch yolov8n_pose_256_pt`, and add --pose-"):
        settings(folder)
    (tmp_path / "data" / "models").mkdir(parents=True)
    (tmp_path / "data" / "models" / row.file).touch()
    with pytest.raises(ConfigError, match=r"It is here as yolov8n_pose_256_pt: add --pose-model=yolov8n_pose_256_pt."):
        settings(folder)


def test_without_a_network_one_beside_the_file_is_suggested(folder: Path) -> None:
    """ST's zoo keeps its configurations beside their networks."""
    (folder / "a.tflite").mkdir()
    write(folder, "dataset: {{keypoints: 17}}\n")
    with pytest.raises(ConfigError, match=rf"names no network .* for instance --pose-model={folder / 'net.tflite'}"):
        settings(folder)


@pytest.mark.parametrize(("path", "why"), [("nowhere.yaml", "No such file"), ("pictures", "Is a directory")])
def test_a_file_that_cannot_be_read(path: str, why: str, folder: Path) -> None:
    with pytest.raises(ConfigError, match=rf"{path} cannot be read: {why}.*--pose-st-config names"):
        settings(folder, {"pose_st_config": str(folder / path)})


def test_a_value_that_the_option_refuses_names_the_file_and_the_key(folder: Path) -> None:
    line = {"pose_st_config": str(folder / "user_config.yaml")}
    with pytest.raises(ConfigError, match=r"^c.yaml, preprocessing.x: 'fit' is not one of stretch"):
        resolve(
            line.get, {}, nothing, folder, lambda path, given: {"pose_preprocess": ("fit", "c.yaml, preprocessing.x")}
        )


#: What the configuration of 2026 says, its network taken for one of float values.
SAID = {
    "pose_keypoints": "13",
    "pose_preprocess": "stretch",
    "pose_resize": "nearest",
    "pose_color": "rgb",
    "pose_scale": repr(1 / 127.5),
    "pose_offset": "-1",
    "pose_score": "0.002",
    "pose_keypoint_score": "0.15",
    "pose_nms_iou": "0.2",
    "pose_max_persons": "20",
}


@pytest.mark.parametrize("dest", SAID)
def test_every_option_that_this_version_has(dest: str, folder: Path) -> None:
    (folder / "net.tflite").write_bytes(b"no network")
    found = read_st_config(folder / "user_config.yaml", {}, Path("/"), {})
    flag = "--" + dest.replace("_", "-")
    if has(dest):
        assert found.options[dest].value == SAID[dest]
        settings(folder)
    else:
        assert f"this version has no {flag}" in {each.why for each in found.left}


def test_an_option_of_another_version_is_left(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_stm32pose.st_config.source.OPTIONS", ())
    assert left(folder)["dataset.keypoints"] == "this version has no --pose-keypoints"
