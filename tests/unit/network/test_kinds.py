"""Files of another format or quantisation: one sentence that says what they are, and what to do."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.network.compile import compile_bytes
from pytest_stm32pose.network.inspect import inspect_model
from pytest_stm32pose.network.kinds import other_format
from pytest_stm32pose.network.reader import parse_model
from tests.support.tflite_builder import OpSpec, TensorSpec, build_model


def zipped(*names: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(name, b"x" * 10)
    return content.getvalue()


def tarred() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("net.tflite"))
    return content.getvalue()


def field(number: int, value: int | bytes) -> bytes:
    """One field of a protobuf message."""
    if isinstance(value, int):
        return bytes([number << 3, value])
    return bytes([number << 3 | 2]) + varint(len(value)) + value


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


ONNX = field(1, 8) + field(2, b"pytorch") + field(3, b"2.1") + field(7, b"g" * 100_000)
QUANTISED_ONNX = field(1, 8) + field(2, b"onnx.quantize") + field(5, b"") + field(7, b"g" * 300)
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"
FORMATS: dict[str, tuple[bytes, str, str]] = {
    "ONNX": (ONNX, "an ONNX file", "onnx2tf"),
    "ONNX of a quantiser": (QUANTISED_ONNX, "an ONNX file", "onnx2tf"),
    "ONNX, sets first": (field(8, b"\x10\x0d") + field(1, 7) + field(7, b"g" * 9), "an ONNX file", "yolo export"),
    "SavedModel": (field(1, 1) + field(2, b"m" * 9000), "the graph of a TensorFlow SavedModel", "models convert"),
    "Keras": (zipped("metadata.json", "config.json", "model.weights.h5"), "a Keras network", "models convert"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(100), "a Keras network or its weights", "models convert"),
    "PyTorch": (zipped("best/data.pkl", "best/byteorder"), "a PyTorch file", "yolo export"),
    "PyTorch of old": (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "a PyTorch file", "yolo export"),
    "zip": (zipped("net.tflite"), "an archive", "Unpack it"),
    "tar": (tarred(), "an archive", "Unpack it"),
    "gzip": (gzip.compress(b"TFL3"), "compressed", "Unpack it"),
    "Git LFS": (LFS, "a Git LFS pointer", "git lfs pull"),
    "HTML": (b"\n<!DOCTYPE html>\n<html lang=en>", "a web page", "download it"),
    "HTML with a mark": (b"\xef\xbb\xbf<html><head>", "a web page", "download it"),
    "XML": (b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>', "an XML file", "Give a .tflite"),
    "JSON": (b'{"message": "Not Found"}', "a JSON file", "Give a .tflite"),
    "PNG": (b"\x89PNG\r\n\x1a\n" + bytes(30), "a picture", "Give a .tflite"),
    "JPEG": (b"\xff\xd8\xff\xe0" + bytes(30), "a picture", "Give a .tflite"),
    "ELF": (b"\x7fELF\x01\x01\x01" + bytes(30), "a program", "Give a .tflite"),
}  # fmt: skip


@pytest.mark.parametrize("kind", FORMATS)
def test_formats(kind: str) -> None:
    data, what, remedy = FORMATS[kind]
    with pytest.raises(ModelError, match=f"^The model net.bin is {what}.*, no TFLite file") as error:
        parse_model(data, "net", "net.bin")
    assert remedy in error.value.remedy


@pytest.mark.parametrize(
    "data", [b"just some text", b"\x08", b"\x08\x01\x12", bytes(64), b"\xff" * 64, b"PMN1" + bytes(60)]
)
def test_what_tells_nothing_is_no_tflite(data: bytes) -> None:
    with pytest.raises(ModelError, match="it lacks the TFL3 mark"):
        parse_model(data, "net")


@given(st.binary(max_size=300), st.sampled_from([each[0][:40] for each in FORMATS.values()]))
def test_any_bytes(data: bytes, beginning: bytes) -> None:
    for content in (data, beginning + data):
        found = other_format(content)
        assert found is None or all(found)


def network(activations: str, weights: str, *, through_dequantize: bool = False) -> bytes:
    """A convolution in these types; the file's reader asks no more of it."""
    quantised = {"scale": (0.5,), "zero_point": (0,)}
    data = np.ones((4, 1, 1, 3), weights)
    tensors = [
        TensorSpec("in", activations, (1, 4, 4, 3), **({} if activations == "float32" else quantised)),  # type: ignore[arg-type]
        TensorSpec("weights", weights, data.shape, **({} if weights == "float32" else quantised), data=data),  # type: ignore[arg-type]
        TensorSpec("out", activations, (1, 4, 4, 4), **({} if activations == "float32" else quantised)),  # type: ignore[arg-type]
        TensorSpec("real", "float32", data.shape),
    ]
    options = {"padding": 0, "stride_w": 1, "stride_h": 1}
    ops = [OpSpec("DEQUANTIZE", (1,), (3,), version=2)] if through_dequantize else []
    ops.append(OpSpec("CONV_2D", (0, 3 if through_dequantize else 1, -1), (2,), options))
    return build_model(tensors, ops, [0], [2])


KINDS = {
    "float": (network("float32", "float32"), "its weights are float32: nothing of it is quantised"),
    "dynamic range": (network("float32", "int8"), "only its weights are int8, and it computes in float32"),
    "weights only": (network("float32", "int8", through_dequantize=True), "only its weights are int8"),
    "16x8": (network("int16", "int8"), r"its activations are int16 \(16x8 quantisation\)"),
    "TensorFlow 1": (network("uint8", "uint8"), "its weights are uint8"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_quantisations(kind: str, tmp_path: Path) -> None:
    data, message = KINDS[kind]
    with pytest.raises(ModelError, match=f"^net: {message}.*boards run int8 networks") as error:
        compile_bytes(data, "net")
    assert "calibration pictures" in error.value.remedy
    path = tmp_path / "net.tflite"
    path.write_bytes(data)
    report = inspect_model(path)
    assert not report.supported
    assert [line for line in report.lines if "refused: net" in line] == [f"refused: {error.value}"]
    assert not any(line.startswith(("unsupported", "supported")) for line in report.lines), "no list of operators"


@pytest.mark.parametrize(
    ("code", "message", "remedy"),
    [
        ("ethos-u", "is compiled for an Arm Ethos-U", "Give the .tflite that Vela was given."),
        ("edgetpu-custom-op", "is compiled for an Edge TPU", "Give the .tflite that its compiler was given."),
        ("FlexErf", "operator 0 CUSTOM 'FlexErf' .* is not supported", "TFLITE_BUILTINS only"),
        ("PosenetDecoderOp", "is not supported", "without its decoder"),
        ("TFLite_Detection_PostProcess", "is not supported", "without its post-processing"),
    ],
)
def test_custom_operators(code: str, message: str, remedy: str) -> None:
    tensors = [TensorSpec(name, "uint8", (1, 4, 4, 3), (0.5,), (0,)) for name in ("in", "out")]
    data = build_model(tensors, [OpSpec(f"CUSTOM:{code}", (0,), (1,))], [0], [1])
    with pytest.raises(ModelError, match=message) as error:
        compile_bytes(data, "net")
    assert remedy in error.value.remedy
