"""The zoo and where model files are found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_stm32pose.errors import ConfigError, ModelError
from pytest_stm32pose.models import zoo as module
from pytest_stm32pose.models.zoo import (
    SETS,
    ZooRow,
    default_model,
    default_pictures,
    every_row,
    expand,
    find_model,
    model_folders,
    resolve_model,
    rows_of,
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


@pytest.mark.parametrize("row", every_row().values(), ids=list(every_row()))
def test_rows_are_complete(row: ZooRow) -> None:
    assert row.family in ("heatmap", "single_pose", "yolo", "landmarks")
    assert row.metric == ("map50" if row.family == "yolo" else "oks")
    assert row.accuracy is None or 0 < row.accuracy < 100
    assert row.keypoints in (13, 17, 21, 468)
    assert row.resolution in (192, 224, 256, 320)
    assert str(row.resolution) in row.name
    assert row.origin in ("original", "converted")
    assert (row.sha256 is None) == (row.bytes is None)
    assert re.fullmatch("[0-9a-f]{64}", row.sha256 or "0" * 64)
    assert row.sha256 or row.note, "why it is not pinned"
    assert row.file.endswith(".tflite") or not row.runs
    assert row.source.startswith(("https://github.com/STMicroelectronics/", "https://github.com/stm32-hotspot/"))
    figures = (row.macc_m, row.activation_kib, row.weights_kib)
    assert all(f is not None for f in figures) or all(f is None for f in figures)
    npu = (row.npu_ram_kib, row.npu_weights_kib, row.npu_ms)
    assert all(f is not None for f in npu) or all(f is None for f in npu)
    assert (row.tool is not None) == any(f is not None for f in (*figures, *npu))
    assert row.set in SETS


def test_names_and_files_are_there_once() -> None:
    rows = every_row().values()
    for each in ("file", "sha256"):
        values = [getattr(row, each) for row in rows if getattr(row, each)]
        assert len(set(values)) == len(values)
    assert set(SETS).isdisjoint(every_row())


def test_published_table() -> None:
    """As ST published it."""
    row = zoo()[ST_192]
    assert len(zoo()) == 8
    assert all(row.sha256 and row.accuracy and row.runs for row in zoo().values())
    assert (row.accuracy, row.macc_m, row.activation_kib, row.weights_kib) == (51.96, 237.887, 1394.41, 2300.69)
    assert zoo()["yolov8n_pose_256_pc"].accuracy == 51.06
    assert zoo()["movenet_thunder_256"].macc_m is None


def test_the_present_zoo() -> None:
    """ST's READMEs of 2026; a row that is not to be had is there and says so."""
    rows = {name: every_row()[name] for name in rows_of("st-2026")}
    assert len(rows) == 11
    assert [name for name, row in rows.items() if not row.sha256] == ["yolo11n_pose_320_pc"]
    assert [name for name, row in rows.items() if not row.runs] == ["head_landmarks_192", "yolo26_pose_256"]
    row = rows["st_movenet_lightning_a100_heatmaps_224"]
    assert (row.accuracy, row.npu_ram_kib, row.npu_ms, row.keypoints) == (62.29, 1239.04, 27.64, 17)
    assert (rows["yolov8n_pose_320_pc"].accuracy, rows["yolo11n_pose_256_pc"].accuracy) == (55.55, None)


def test_sets_are_expanded_on_their_own() -> None:
    """What is missing of the one does not block a run of the other."""
    assert expand(["all"]) == (tuple(zoo()), tuple(zoo()))
    present = rows_of("st-2026")
    assert set(present).isdisjoint(zoo())
    assert expand(["st-2026", "x.tflite"]) == ((*present, "x.tflite"), present)
    assert expand(["all", "st-2026"])[1] == (*zoo(), *present)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "head_landmarks_192",
            r"facelandmarksv1_192_int8.onnx. is an ONNX file, which is not run. Convert it .*onnx2tf",
        ),
        ("yolo26_pose_256_qdq_int8.onnx", "yolo26_pose_256 .* is an ONNX file"),
        (
            "yolo11n_pose_256_pc",
            "is not on this machine. .* or get it with: stm32pose models fetch yolo11n_pose_256_pc",
        ),
        (
            "yolo11n_pose_320_pc",
            "is not on this machine. .*by its path .the file is at its public address, but could not",
        ),
    ],
)
def test_rows_that_are_not_to_be_had_say_so(name: str, message: str, folders: Path) -> None:
    with pytest.raises(ModelError, match=message):
        resolve_model(name)


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
