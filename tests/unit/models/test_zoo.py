"""The zoo and where model files are found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_stm32pose.errors import ConfigError, ModelError
from pytest_stm32pose.models import zoo as module
from pytest_stm32pose.models.zoo import (
    ZooRow,
    default_model,
    default_pictures,
    find_model,
    model_folders,
    resolve_model,
    zoo,
)

ST_192 = "st_movenet_lightning_heatmaps_192"


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty places to look in: tmp/data/models, tmp/shared/models, tmp/cache/stm32pose/models."""
    monkeypatch.setenv("STM32POSE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "_CHECKOUT", tmp_path / "checkout")
    return tmp_path


def put(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"x")
    return folder / name


@pytest.mark.parametrize("row", zoo().values(), ids=list(zoo()))
def test_rows_are_complete(row: ZooRow) -> None:
    assert row.family in ("heatmap", "single_pose", "yolo")
    assert row.metric == ("map50" if row.family == "yolo" else "oks")
    assert 0 < row.accuracy < 100
    assert row.keypoints in (13, 17)
    assert row.resolution in (192, 224, 256)
    assert str(row.resolution) in row.name
    assert row.origin in ("original", "converted")
    assert re.fullmatch("[0-9a-f]{64}", row.sha256)
    assert row.file.endswith(".tflite")
    assert row.source.startswith("https://github.com/STMicroelectronics/stm32ai-modelzoo")
    figures = (row.macc_m, row.activation_kib, row.weights_kib, row.tool)
    assert all(f is not None for f in figures) or all(f is None for f in figures)


def test_published_table() -> None:
    """As ST published it."""
    row = zoo()[ST_192]
    assert len(zoo()) == 8
    assert (row.accuracy, row.macc_m, row.activation_kib, row.weights_kib) == (51.96, 237.887, 1394.41, 2300.69)
    assert zoo()["yolov8n_pose_256_pc"].accuracy == 51.06
    assert zoo()["movenet_thunder_256"].macc_m is None


def test_places_in_order(folders: Path) -> None:
    file = zoo()[ST_192].file
    assert find_model(ST_192) is None
    cached = put(folders / "cache" / "stm32pose" / "models", file)
    assert find_model(ST_192) == cached
    shared = put(folders / "shared" / "models", file)
    assert find_model(ST_192) == shared
    named = put(folders / "data" / "models", file)
    assert find_model(ST_192) == named
    assert model_folders()[0] == named.parent


def test_places_without_environment(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STM32POSE_DATA")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(folders))
    assert model_folders() == (folders / "shared" / "models", folders / ".cache" / "stm32pose" / "models")


def test_resolve(folders: Path) -> None:
    path = put(folders / "data" / "models", zoo()[ST_192].file)
    assert resolve_model(ST_192) == path
    assert resolve_model(path.name) == resolve_model(path.stem) == path
    assert resolve_model(str(path)) == resolve_model(path) == path


def test_a_file_here_wins_over_the_zoo(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(folders / "data" / "models", zoo()[ST_192].file)
    put(folders / "here", zoo()[ST_192].file)
    monkeypatch.chdir(folders / "here")
    assert resolve_model(zoo()[ST_192].file) == Path(zoo()[ST_192].file)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("st_movenet_lightning_heatmap_192", f"no model 'st_movenet.*neither a file nor .* Did you mean {ST_192}?"),
        ("q", "no model 'q': neither a file nor a name of the zoo. Known: st_movenet"),
        ("some/folder/model.tflite", "no model file some/folder/model.tflite. Check the path"),
        ("model.tflite", "no model file model.tflite"),
        ("a\0b", "no model"),
    ],
)
def test_unknown_names(folders: Path, name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        resolve_model(name)
    assert not isinstance(caught.value, ModelError)


def test_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder"):
        resolve_model(tmp_path)


def test_known_but_absent(folders: Path) -> None:
    with pytest.raises(ModelError, match=rf"{ST_192}.* is not on this machine. Put it into {folders}/data/models"):
        resolve_model(ST_192)


def test_find_unknown_row() -> None:
    with pytest.raises(ConfigError, match="no model 'nothing' in the zoo"):
        find_model("nothing")


def test_default_network_is_the_fixtures(fixtures_dir: Path) -> None:
    assert resolve_model("") == default_model()
    assert default_model().parent.name == "models"
    assert (default_pictures() / "keypoints.json").is_file()
    assert default_model().stat().st_size <= 200 * 1024


def test_packaged_default_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packaged = put(tmp_path / "package" / "data" / "models", default_model().name)
    monkeypatch.setattr(module, "_PACKAGE", tmp_path / "package")
    assert default_model() == packaged


def test_broken_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PACKAGE", tmp_path)
    monkeypatch.setattr(module, "_CHECKOUT", tmp_path)
    with pytest.raises(ConfigError, match=r"missing from this installation. Install the package again"):
        resolve_model("")
