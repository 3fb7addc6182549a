"""Stored goldens: the same answer again, without the engine; every way of being wrong is one sentence."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_stm32pose.errors import ConfigError, GoldenError
from pytest_stm32pose.families import Meaning
from pytest_stm32pose.families.own import PoseFamily
from pytest_stm32pose.golden.base import GoldenIdentity, input_crc32
from pytest_stm32pose.golden.engine import GoldenEngine
from pytest_stm32pose.golden.store import GoldenStore
from pytest_stm32pose.measure.divergence import first_divergence
from pytest_stm32pose.pictures.files import load_pictures
from pytest_stm32pose.pictures.preprocess import input_tensor
from pytest_stm32pose.types import Decoding, InferResult, Layout, NetworkDescription

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"
MODEL = FIXTURES / "models" / "stick_pose_96_int8.tflite"


@cache
def engine() -> GoldenEngine:
    """One for all tests, and none for collecting them."""
    return GoldenEngine(MODEL)


KEYPOINTS = 13
MODEL_SHA256 = hashlib.sha256(MODEL.read_bytes()).hexdigest()
NETWORK = NetworkDescription("stick", MODEL_SHA256, "heatmap", KEYPOINTS, (96, 96, 3), "uint8", 0, 0, 0, 0)
PICTURE = load_pictures(FIXTURES / "images")[0]
TENSOR, _ = input_tensor(PICTURE, NETWORK)


def no_engine() -> GoldenEngine:
    raise AssertionError("a stored golden must not start the engine")


def stored(root: Path) -> Path:
    store = GoldenStore("update", root, NETWORK, engine)
    store.answer(PICTURE, TENSOR)
    return store.path(PICTURE)


def check(root: Path, network: NetworkDescription = NETWORK, **options: Any) -> GoldenStore:
    return GoldenStore("check", root, network, no_engine, **options)


def assert_same(first: InferResult, second: InferResult) -> None:
    np.testing.assert_array_equal(first.keypoints_norm, second.keypoints_norm)
    for mine, other in zip(first.outputs, second.outputs, strict=True):
        np.testing.assert_array_equal(mine.data, other.data)
        assert mine.data.dtype == other.data.dtype
        assert (mine.source, mine.op_source, mine.op_name, mine.lsb) == (
            other.source,
            other.op_source,
            other.op_name,
            other.lsb,
        )


def test_goldens_of_a_users_family_are_of_one_decoder(tmp_path: Path) -> None:
    own = PoseFamily("mine", KEYPOINTS, lambda outputs: np.full((1, KEYPOINTS, 3), 0.5), "1")
    network = replace(NETWORK, family="mine")
    meaning = Meaning("mine", KEYPOINTS)
    written = GoldenStore(
        "update", tmp_path, network, lambda: GoldenEngine(MODEL, meaning, own), decoder=own.identity
    ).answer(PICTURE, TENSOR)
    assert written.store == f"{PICTURE.sha256[:16]}-stretch-mine.npz"
    read = check(tmp_path, network, decoder="mine 1").answer(PICTURE, TENSOR)
    np.testing.assert_array_equal(read.result.keypoints_norm, np.full((1, KEYPOINTS, 3), 0.5, np.float32))
    with pytest.raises(GoldenError, match=r"it was made from another decoder \(mine 1, not mine 2\)"):
        check(tmp_path, network, decoder="mine 2").answer(PICTURE, TENSOR)
    with pytest.raises(GoldenError, match="There is no stored golden"):
        check(tmp_path).answer(PICTURE, TENSOR)


def test_live_update_and_check_agree(tmp_path: Path) -> None:
    live = GoldenStore("live", None, NETWORK, engine).answer(PICTURE, TENSOR)
    written = GoldenStore("update", tmp_path, NETWORK, engine).answer(PICTURE, TENSOR)
    read = check(tmp_path).answer(PICTURE, TENSOR)
    assert_same(live.result, engine().run(TENSOR))
    assert_same(live.result, written.result)
    assert_same(live.result, read.result)
    assert live.identity == written.identity == read.identity == engine().identity
    assert live.input_crc32 == written.input_crc32 == read.input_crc32 == input_crc32(TENSOR)
    assert (live.store, read.store) == ("live", written.store)
    assert list(tmp_path.rglob("*.npz")) == [check(tmp_path).path(PICTURE)]


def test_a_stored_golden_still_finds_the_operator(tmp_path: Path) -> None:
    stored(tmp_path)
    read = check(tmp_path).answer(PICTURE, TENSOR)
    device = engine().run(TENSOR, intermediates=True)
    assert len(read.digests) == len(device.intermediates)
    assert first_divergence(read.result, device, digests=read.digests) is None
    tensors = list(device.intermediates)
    data = tensors[3].data.copy()
    data.flat[0] ^= 1
    tensors[3] = replace(tensors[3], data=data)
    found = first_divergence(read.result, replace(device, intermediates=tuple(tensors)), digests=read.digests)
    assert found is not None
    assert (found.stage, found.op_index) == ("operator", tensors[3].op_source)


def test_intermediates_are_handed_out_only_when_asked(tmp_path: Path) -> None:
    for mode in ("live", "update"):
        store = GoldenStore(mode, tmp_path, NETWORK, engine)
        assert store.answer(PICTURE, TENSOR).result.intermediates == ()
        assert len(store.answer(PICTURE, TENSOR, intermediates=True).result.intermediates) > 3


def test_the_same_golden_is_the_same_file(tmp_path: Path) -> None:
    first, second = stored(tmp_path / "a"), stored(tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()
    assert first.relative_to(tmp_path / "a") == second.relative_to(tmp_path / "b")


def test_provenance_says_who_from_what_and_how_again(tmp_path: Path) -> None:
    with zipfile.ZipFile(stored(tmp_path)) as archive:
        provenance = json.loads(archive.read("provenance.json"))
    assert provenance["generator"].startswith("pytest-stm32pose ")
    assert (provenance["engine"], provenance["resolver"]) == ("ai-edge-litert", "BUILTIN_REF")
    assert provenance["model"] == {"name": "stick", "sha256": engine().model_sha256}
    assert provenance["picture"]["sha256"] == PICTURE.sha256
    assert provenance["input_crc32"] == input_crc32(TENSOR)
    assert provenance["regenerate"] == "stm32pose golden update --pose-model=stick"
    assert str(tmp_path) not in json.dumps(provenance)


def test_numpy_reads_the_arrays_without_pickles(tmp_path: Path) -> None:
    with np.load(stored(tmp_path), allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["output_0"], engine().run(TENSOR).outputs[0].data)


def test_check_never_imports_litert(tmp_path: Path) -> None:
    stored(tmp_path)
    code = f"""
import sys
from pathlib import Path
import numpy as np
from pytest_stm32pose.golden.store import GoldenStore
from pytest_stm32pose.types import NetworkDescription, Picture
network = NetworkDescription("stick", {NETWORK.sha256!r}, "heatmap", {KEYPOINTS}, (96, 96, 3), "uint8", 0, 0, 0, 0)
picture = Picture("p", "p", {PICTURE.sha256!r}, np.zeros((1, 1, 3), np.uint8))
answer = GoldenStore("check", Path({str(tmp_path)!r}), network, lambda: 1 / 0).answer(picture, picture.pixels)
assert answer.result.keypoints_norm.shape == (1, {KEYPOINTS}, 3)
heavy = [name for name in sys.modules if name.split(".")[0] in ("ai_edge_litert", "tensorflow", "PIL", "pyocd")]
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).resolve().parents[3], timeout=600)


def test_a_missing_golden_fails_with_the_command(tmp_path: Path) -> None:
    store = check(tmp_path, command="stm32pose golden update --pose-model=stick --pose-images=pictures")
    with pytest.raises(GoldenError) as caught:
        store.answer(PICTURE, TENSOR)
    assert "no stored golden of stick for picture" in str(caught.value)
    assert "`stm32pose golden update --pose-model=stick --pose-images=pictures`" in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    stored(tmp_path)
    with pytest.raises(GoldenError, match="no stored golden"):
        check(tmp_path, preprocessing="letterbox").answer(PICTURE, TENSOR)


def test_goldens_of_other_thresholds_and_layouts_are_others(tmp_path: Path) -> None:
    path = stored(tmp_path)
    others = [
        replace(NETWORK, decoding=Decoding(score=0.5)),
        replace(NETWORK, decoding=Decoding(nms_iou=0.7, max_persons=3)),
        replace(NETWORK, layout=Layout(pixels=True, input_size=(192, 192))),
    ]
    for other in others:
        with pytest.raises(GoldenError, match="no stored golden"):
            check(tmp_path, network=other).answer(PICTURE, TENSOR)
    moved = check(tmp_path, network=others[0]).path(PICTURE)
    path.rename(moved)
    with pytest.raises(GoldenError, match=r"made from another decoding \(none, not score=0\.5\)"):
        check(tmp_path, network=others[0]).answer(PICTURE, TENSOR)
    drawn = replace(NETWORK, decoding=Decoding(keypoint_score=0.9))
    assert check(tmp_path, network=drawn).path(PICTURE) == path, "it changes no keypoint"


def test_goldens_of_outputs_read_as_another_family_are_refused(tmp_path: Path) -> None:
    as_landmarks = replace(NETWORK, family="landmarks")
    path = stored(tmp_path)
    with zipfile.ZipFile(path) as archive:
        assert "family" not in json.loads(archive.read("provenance.json")), "as those of older versions"
    with pytest.raises(GoldenError, match=r"another family \(one of heatmap, single_pose, yolo, not landmarks\)"):
        check(tmp_path, as_landmarks).answer(PICTURE, TENSOR)
    GoldenStore("update", tmp_path, as_landmarks, engine).answer(PICTURE, TENSOR)
    assert check(tmp_path, as_landmarks).answer(PICTURE, TENSOR).store == path.name
    with pytest.raises(GoldenError, match=r"another family \(landmarks, not heatmap\)"):
        check(tmp_path).answer(PICTURE, TENSOR)
    tensors_only = replace(NETWORK, family="none", keypoints=0)
    assert check(tmp_path, tensors_only).answer(PICTURE, TENSOR).result.keypoints_norm is None


@pytest.mark.parametrize(
    ("what", "network", "picture"),
    [
        ("model", replace(NETWORK, sha256="1" * 64), PICTURE),
        ("picture", NETWORK, replace(PICTURE, sha256="2" * 64)),
    ],
)
def test_a_golden_of_another_thing_is_refused(
    tmp_path: Path, what: str, network: NetworkDescription, picture: Any
) -> None:
    other = check(tmp_path, network)
    other.path(picture).parent.mkdir(parents=True, exist_ok=True)
    stored(tmp_path).rename(other.path(picture))
    with pytest.raises(GoldenError, match=f"made from another {what}"):
        other.answer(picture, TENSOR)


def test_other_keypoint_counts_are_refused(tmp_path: Path) -> None:
    stored(tmp_path)
    with pytest.raises(GoldenError, match="not 5 per person"):
        check(tmp_path, replace(NETWORK, keypoints=5)).answer(PICTURE, TENSOR)


def rewritten(path: Path, **members: bytes | None) -> None:
    """The stored golden with members replaced (dots in names as double underscores) or removed."""
    changes = {name.replace("__", "."): content for name, content in members.items()}
    with zipfile.ZipFile(path) as archive:
        kept = {info.filename: archive.read(info) for info in archive.infolist()}
    kept.update({name: content for name, content in changes.items() if content is not None})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in kept.items():
            if not (name in changes and changes[name] is None):
                archive.writestr(name, content)


def npy(array: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"output_0__npy": None}, "output_0"),
        ({"provenance__json": None}, "provenance.json"),
        ({"provenance__json": b"{"}, "not usable"),
        ({"provenance__json": b"{}"}, "provenance is not stm32pose/golden/1"),
        ({"provenance__json": b'{"schema": "stm32pose/golden/2"}'}, "provenance is not stm32pose/golden/1"),
        ({"provenance__json": b'{"schema": "stm32pose/golden/1"}'}, "no str `engine`"),
        ({"provenance__json": b"[" * 200_000}, "nested too deeply"),
        ({"output_0__npy": b"nonsense"}, "not usable"),
        ({"output_0__npy": npy(np.array([{}], dtype=object), allow_pickle=True)}, "holds object"),
        ({"output_0__npy": npy(np.zeros(3, dtype=">f4"))}, "holds >f4"),
        ({"output_0__npy": npy(np.zeros(3, dtype=np.complex128))}, "holds complex128"),
        ({"output_0__npy": npy(np.zeros((2, 3), dtype=np.float32))[:-4]}, "does not fit its size"),
        ({"output_0__npy": npy(np.zeros(4, np.int8)).replace(b"(4,)", b"(-4,)")}, "not usable"),
        ({"output_0__npy": npy(np.zeros(4, np.int8)).replace(b"(4,), }      ", b"(4000000000,), }")}, "does not fit"),
        ({"keypoints_norm__npy": npy(np.zeros((1, 2), np.float32))}, "per person"),
        ({f"x{n}__npy": npy(np.zeros(1, np.int8)) for n in range(80)}, "more than a golden holds"),
    ],
)
def test_tampered_goldens_are_refused(tmp_path: Path, members: dict[str, bytes | None], said: str) -> None:
    path = stored(tmp_path)
    rewritten(path, **members)
    with pytest.raises(GoldenError) as caught:
        check(tmp_path).answer(PICTURE, TENSOR)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert "stm32pose golden update" in str(caught.value)


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_stm32pose.golden.store.MAX_ARRAY_BYTES", 10_000_000)
    path = stored(tmp_path)
    rewritten(path, bomb__npy=bytes(50_000_000))
    assert path.stat().st_size < 1_000_000
    with pytest.raises(GoldenError, match="unpacks to more"):
        check(tmp_path).answer(PICTURE, TENSOR)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_goldens_are_equal_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    path = stored(tmp_path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))])
    try:
        answer = check(tmp_path).answer(PICTURE, TENSOR)
    except GoldenError as error:
        assert str(path) in str(error)
    else:
        assert_same(answer.result, engine().run(TENSOR))  # the archive's checksums guard the data


def test_modes_and_folders() -> None:
    with pytest.raises(ConfigError, match="no golden mode 'write'"):
        GoldenStore("write", Path("x"), NETWORK, no_engine)  # type: ignore[arg-type]
    for mode in ("check", "update"):
        with pytest.raises(ConfigError, match="needs a folder"):
            GoldenStore(mode, None, NETWORK, no_engine)


def test_an_engine_of_another_model_is_refused(tmp_path: Path) -> None:
    store = GoldenStore("live", None, replace(NETWORK, sha256="3" * 64), engine)
    with pytest.raises(GoldenError, match="golden engine runs a model with SHA-256"):
        store.answer(PICTURE, TENSOR)


def test_the_engine_is_made_once(tmp_path: Path) -> None:
    made: list[GoldenIdentity] = []

    def factory() -> GoldenEngine:
        made.append(engine().identity)
        return engine()

    store = GoldenStore("live", None, NETWORK, factory)
    assert made == []
    store.answer(PICTURE, TENSOR)
    store.answer(PICTURE, TENSOR)
    assert len(made) == 1
