"""From pixels to stored numbers: TFLite's rounding against LiteRT, what is stated and by whom, and its words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pytest_stm32pose.errors import ConfigError, ModelError
from pytest_stm32pose.pictures.values import device_tensor, quantised, range_note, settled, stored
from pytest_stm32pose.preprocessing import DEFAULT, Preprocessing
from pytest_stm32pose.settings import OPTIONS, preprocessing_of, read_option
from pytest_stm32pose.types import HostQuantize, NetworkDescription, PictureInput
from tests.support.tflite_builder import OpSpec, TensorSpec, build_model

LEVELS = np.arange(256, dtype=np.float32)[:, np.newaxis]
MOVENET = PictureInput("uint8", 0.00784313725490196, 127)  # ST's heat maps
FLOATS = PictureInput("float32", host=(HostQuantize("int8", 1 / 255, -128),), natural=(1 / 255, 0.0))


def network(picture: PictureInput | None, channels: int = 3) -> NetworkDescription:
    dtype = picture.host[-1].dtype if picture and picture.host else picture.dtype if picture else "uint8"
    return NetworkDescription("net", "0" * 64, "heatmap", 13, (8, 8, channels), dtype, 0, 0, 0, 0, picture=picture)


def litert(values: NDArray[np.float32], step: HostQuantize) -> NDArray[Any]:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    tensors = [
        TensorSpec("in", "float32", values.shape),
        TensorSpec("out", step.dtype, values.shape, (step.scale,), (step.zero_point,)),
    ]
    model = build_model(tensors, [OpSpec("QUANTIZE", (0,), (1,))], [0], [1])
    interpreter = Interpreter(model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, values)
    interpreter.invoke()
    return np.asarray(interpreter.get_tensor(1))


@settings(deadline=None)
@given(
    st.floats(1e-6, 1e3).map(np.float32).map(float),
    st.integers(-128, 127),
    st.sampled_from(["int8", "uint8"]),
    st.integers(0, 1 << 31),
)
def test_quantising_is_litert_s_reference(scale: float, zero: int, dtype: str, seed: int) -> None:
    step = HostQuantize(dtype, scale, zero + (128 if dtype == "uint8" else 0))
    random = np.random.default_rng(seed)
    ties = (np.arange(-300, 300) / 2).astype(np.float32) * np.float32(scale)
    values = np.concatenate([ties, random.normal(0, 200, 500).astype(np.float32) * np.float32(scale)])
    np.testing.assert_array_equal(quantised(values, step), litert(values, step))


def test_nothing_stated_is_the_pixel_itself() -> None:
    assert stored(LEVELS, DEFAULT, PictureInput("uint8"))[:, 0].tolist() == list(range(256))
    assert stored(LEVELS, DEFAULT, MOVENET)[:, 0].tolist() == list(range(256))
    assert stored(LEVELS, DEFAULT, PictureInput("int8", 0.5, 3))[:, 0].tolist() == list(range(-128, 128))
    beyond = np.array([[-9.0], [0.5], [1.5], [255.4], [300.0]], np.float32)  # bicubic, and ties to even
    assert stored(beyond, DEFAULT, PictureInput("uint8"))[:, 0].tolist() == [0, 0, 2, 255, 255]


def test_what_is_stated_becomes_the_input_s_numbers() -> None:
    int8 = PictureInput("int8", 2 / 255, -1)
    for asked in (Preprocessing(scale=1 / 127.5, offset=-1.0), Preprocessing(mean=(127.5,), std=(127.5,))):
        found = stored(LEVELS, asked, int8)[:, 0].astype(int)
        exact = (np.arange(256) / 127.5 - 1) * 255 / 2 - 1
        assert np.abs(found - np.clip(exact, -128, 127)).max() <= 0.5 + 1e-4
    only = stored(LEVELS, Preprocessing(offset=-4.0), PictureInput("float32", natural=(1.0, 0.0)))
    assert only[:, 0].tolist() == [level - 4 for level in range(256)]
    per_channel = Preprocessing(mean=(1.0, 2.0, 3.0), std=(2.0, 4.0, 8.0))
    values = stored(np.full((1, 1, 3), 11, np.float32), per_channel, PictureInput("float32", natural=(1.0, 0.0)))
    assert values.tolist() == [[[5.0, 2.25, 1.0]]]


def test_a_float_input_is_such_that_its_first_quantize_gives_the_pixel() -> None:
    description = network(FLOATS)
    asked = settled(DEFAULT, description)
    assert asked.text == "stretch, 0.003921569 * pixel + 0"
    values = stored(LEVELS, asked, FLOATS)
    assert values.dtype == np.float32
    assert device_tensor(values, description)[:, 0].tolist() == list(range(-128, 128))


def test_the_file_s_normalisation_counts_where_it_changes_anything() -> None:
    usual = (127.5,)
    floats = replace(FLOATS, mean=usual, std=usual)
    assert settled(DEFAULT, network(floats)).text == "stretch, (pixel - 127.5) / 127.5"
    for same in (PictureInput("uint8", 0.0078431, 127), PictureInput("int8", 1 / 127.5, 0)):  # half a level off
        assert settled(DEFAULT, network(replace(same, mean=usual, std=usual))).text == "stretch"
    other = PictureInput("uint8", 1 / 127.5, 126, mean=usual, std=usual)
    assert settled(DEFAULT, network(other)).text == "stretch, (pixel - 127.5) / 127.5"
    plain = PictureInput("uint8", 1 / 255, 0, mean=(0.0,), std=(255.0,))
    assert settled(DEFAULT, network(plain)).text == "stretch"
    int8 = PictureInput("int8", 0.02, 0, mean=(1.0, 2.0, 3.0), std=(50.0, 50.0, 50.0))
    assert settled(DEFAULT, network(int8)).text == "stretch, (pixel - [1 2 3]) / [50 50 50]"
    given = Preprocessing(scale=0.5)
    assert settled(given, network(int8)) == given  # the options come first
    unscaled = PictureInput("uint8", mean=(1.0,), std=(2.0,))
    assert settled(DEFAULT, network(unscaled)).text == "stretch"


@pytest.mark.parametrize(
    ("asked", "picture", "channels", "words"),
    [
        (Preprocessing(color="grey"), None, 3, "--pose-color=grey makes pictures of 1 channels; net takes 3"),
        (Preprocessing(color="bgr"), None, 1, "--pose-color=bgr makes pictures of 3 channels; net takes 1"),
        (Preprocessing(pad=(1,)), None, 3, "--pose-pad means nothing to --pose-preprocess=stretch"),
        (Preprocessing("crop", "ultralytics"), None, 3, "--pose-letterbox means nothing to --pose-preprocess=crop"),
        (Preprocessing(scale=1.0, std=(1.0,)), MOVENET, 3, "--pose-scale and --pose-offset say the values of pixels"),
        (Preprocessing(std=(1.0, 0.0, 1.0)), MOVENET, 3, "are not 0"),
        (Preprocessing(scale=0.0), MOVENET, 3, "are not 0"),
        (Preprocessing(mean=(1.0, 2.0, 3.0)), PictureInput("int8", 1.0, 0), 1, "--pose-mean has 3 numbers; net has 1"),
        (
            Preprocessing(scale=2.0),
            PictureInput("uint8"),
            3,
            "net takes the pixel itself: its uint8 input has no",
        ),
        (DEFAULT, PictureInput("float32"), 3, r"float values, .* --pose-scale and --pose-offset, for example 1/255"),
    ],
)
def test_what_cannot_be_is_refused(
    asked: Preprocessing, picture: PictureInput | None, channels: int, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        settled(asked, network(picture, channels))


def test_a_float_input_without_a_range_is_a_model_error() -> None:
    with pytest.raises(ModelError):
        settled(DEFAULT, network(PictureInput("float32")))


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (Preprocessing(), "stretch"),
        (Preprocessing("letterbox"), "letterbox"),
        (Preprocessing("letterbox", pad=(0, 0, 0)), "letterbox"),
        (Preprocessing("letterbox", "ultralytics", pad=(114,)), "letterbox ultralytics"),
        (Preprocessing("letterbox", "ultralytics", (1, 2, 3)), "letterbox ultralytics, pad 1 2 3"),
        (Preprocessing("crop", resize="pillow-bicubic", color="rgb"), "crop, pillow-bicubic"),
        (Preprocessing(color="bgr", jpeg="tensorflow"), "stretch, bgr, JPEG by tensorflow"),
        (Preprocessing(scale=1 / 4, offset=-1.0), "stretch, 0.25 * pixel - 1"),
        (Preprocessing(mean=(1.0, 2.0, 3.5)), "stretch, (pixel - [1 2 3.5]) / 1"),
    ],
)
def test_words_name_what_is_not_the_default(asked: Preprocessing, text: str) -> None:
    assert settled(asked, network(MOVENET)).text == text


@given(
    st.builds(
        Preprocessing,
        st.sampled_from(["stretch", "letterbox", "crop"]),
        st.sampled_from(["tensorflow", "ultralytics"]),
        st.none() | st.tuples(st.integers(0, 255)) | st.tuples(*[st.integers(0, 255)] * 3),
        st.sampled_from(["bilinear", "pillow-nearest"]),
        st.none() | st.sampled_from(["rgb", "grey"]),
        st.none() | st.floats(1e-9, 1e9),
        st.none() | st.floats(-1e9, -1e-9),
        st.sampled_from([(), (0.0,), (1.5, -2.25, 1e-7)]),
        st.sampled_from([(), (58.395, 57.12, 57.375)]),
        st.sampled_from(["pillow", "tensorflow"]),
    )
)
def test_the_options_make_the_same_again(asked: Preprocessing) -> None:
    flags = {f"--{option.flag}": option.dest for option in OPTIONS}
    got = {flags[name]: read_option(flags[name], text) for name, text in (o.split("=") for o in asked.options.split())}
    assert preprocessing_of(got) == asked


@pytest.mark.parametrize(
    ("dest", "text"),
    [
        ("pose_scale", "x"), ("pose_scale", "1,2"), ("pose_scale", "1/0"), ("pose_offset", "nan"),
        ("pose_offset", "inf"), ("pose_mean", "1,2"), ("pose_mean", ""), ("pose_std", "1e300"), ("pose_pad", "256"),
        ("pose_pad", "1,2"), ("pose_pad", "0.5"), ("pose_pad", "-1"), ("pose_scale", "1e-40"), ("pose_jpeg", "libjpeg"),
    ],
)  # fmt: skip
def test_a_number_that_is_none_is_one_sentence(dest: str, text: str) -> None:
    with pytest.raises(ConfigError, match=rf"--{dest.replace('_', '-')}: '{text}' is n"):
        read_option(dest, text)


IMAGENET = Preprocessing(mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))


@pytest.mark.parametrize(
    ("asked", "picture", "said"),
    [
        (DEFAULT, FLOATS, ""),
        (DEFAULT, MOVENET, ""),
        (Preprocessing(scale=1 / 127.5, offset=-1.0), MOVENET, ""),
        (Preprocessing(scale=1 / 255), MOVENET, ""),  # half of the range: 128 levels
        (Preprocessing(scale=1 / 255), PictureInput("int8", 2.64 / 127, 0), ""),
        (IMAGENET, PictureInput("int8", 2.64 / 127, 0), ""),
        (Preprocessing(scale=1.0), FLOATS, "net: 254 of a pixel's 256 levels lie beyond the range of its input."),
        (Preprocessing(scale=1 / 127.5, offset=-1.0), FLOATS, "net: 127 of a pixel's 256 levels lie beyond"),
        (IMAGENET, FLOATS, "of a pixel's 256 levels lie beyond"),
        (Preprocessing(scale=1 / 255), PictureInput("uint8", 1.0, 0), "net: its input tells 2 of a pixel's 256 levels"),
    ],
)
def test_values_that_do_not_fit_the_input_are_told(asked: Preprocessing, picture: PictureInput, said: str) -> None:
    """A network that gets white or black pictures computes as its golden does: the verdict alone tells nothing."""
    described = network(picture)
    asked = settled(asked, described)
    note = range_note(asked, described)
    assert (said in note and asked.text in note) if said else not note
