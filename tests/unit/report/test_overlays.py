"""Overlays: geometry in pixels of the original, visibility, bad coordinates, missing layers, bounded pictures."""

from __future__ import annotations

import base64
import io
import math
import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from pytest_stm32pose.metrics.skeleton import COCO_17, ST_13
from pytest_stm32pose.report.layers import MAX_PERSONS
from pytest_stm32pose.report.overlays import overlay_html, overlay_svg
from pytest_stm32pose.report.thumbnail import LONG_SIDE_PX, MAX_BYTES, data_uri
from tests.support import report_sample as sample
from tests.support.html_tokens import HOSTILE, Tokens

SVG = "{http://www.w3.org/2000/svg}"


def layers_of(svg: str) -> dict[str, ElementTree.Element]:
    """The layer groups by name; parsing also proves that the drawing is well formed."""
    groups = ElementTree.fromstring(svg).findall(f"{SVG}g")
    return {group.attrib["class"].split("pose-")[-1]: group for group in groups}


def marks(layer: ElementTree.Element) -> list[tuple[ElementTree.Element, str]]:
    """(marker, its tool tip)."""
    found = [(each, title.text or "") for each in layer.iter() if (title := each.find(f"{SVG}title")) is not None]
    return found


def golden() -> list[Any]:
    return [sample.golden_keypoints().tolist()]


def test_layers_are_drawn_in_pixels_of_the_original_picture() -> None:
    device = sample.golden_keypoints()
    svg = overlay_svg(sample.pixels(), device=device[None], golden=golden(), truth=[sample.TRUTH.tolist()])
    assert ElementTree.fromstring(svg).attrib["viewBox"] == f"0 0 {sample.WIDTH_PX} {sample.HEIGHT_PX}"
    layers = layers_of(svg)
    assert set(layers) == {"device", "golden", "truth"}
    centres = [(float(mark.attrib["cx"]), float(mark.attrib["cy"])) for mark, _ in marks(layers["device"])]
    np.testing.assert_allclose(centres, device[:, :2], atol=0.006)
    squares = [(float(mark.attrib["x"]) + float(mark.attrib["width"]) / 2) for mark, _ in marks(layers["golden"])]
    np.testing.assert_allclose(squares, device[:, 0], atol=0.02)


def test_truth_without_label_is_not_drawn_and_neither_are_its_limbs() -> None:
    truth = layers_of(overlay_svg(None, device=golden(), truth=[sample.TRUTH.tolist()]))["truth"]
    titles = [text for _, text in marks(truth)]
    assert len(titles) == 12
    assert not any("left ankle" in text for text in titles)
    assert sum("labelled hidden" in text for text in titles) == 1
    drawn = truth.find(f".//{SVG}path[@class='pose-line']")
    assert drawn is not None
    assert drawn.attrib["d"].count("M") == sum(11 not in limb for limb in ST_13.limbs)


def test_tool_tips_tell_name_score_and_distances() -> None:
    device = sample.golden_keypoints()
    device[4, :2] += 3.0, 4.0
    layers = layers_of(overlay_svg(None, device=device[None], golden=golden(), truth=[sample.TRUTH.tolist()]))
    title = marks(layers["device"])[4][1].split("\n")
    assert title[0] == f"Device: {ST_13.names[4].replace('_', ' ')}"
    assert "score 0.8500" in title
    assert "5.0 px from golden" in title
    truth_px = math.dist(device[4, :2], sample.TRUTH[4, :2])
    assert f"{truth_px:.1f} px from truth" in title
    assert not any("from truth" in line for line in marks(layers["device"])[11][1].split("\n"))


def test_the_distance_to_truth_is_to_the_nearest_person() -> None:
    far = sample.TRUTH.copy()
    far[:, 0] += 500
    title = marks(layers_of(overlay_svg(None, device=golden(), truth=[far.tolist(), sample.TRUTH.tolist()]))["device"])[
        0
    ][1]
    assert "3.0 px from truth" in title


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, None, "text", 10**400])
def test_coordinates_that_are_no_numbers_are_left_out_and_counted(bad: Any) -> None:
    device = golden()
    device[0][3][0] = bad
    figure = overlay_html(sample.pixels(), device=device, golden=golden(), truth=None, name="p")
    assert "device: 1 keypoint not a number, not drawn" in Tokens(figure).text
    svg = overlay_svg(sample.pixels(), device=device, golden=golden())
    assert len(marks(layers_of(svg)["device"])) == 12
    assert not re.search(r"\b(nan|inf)\b", svg, re.IGNORECASE)


def test_a_score_that_is_no_number_is_a_dash_and_faint() -> None:
    device = golden()
    device[0][0][2] = math.nan
    mark, title = marks(layers_of(overlay_svg(None, device=device))["device"])[0]
    assert "score \N{EN DASH}" in title
    assert "pose-faint" in mark.attrib["class"]


def test_points_outside_the_picture_are_clipped_to_sane_numbers_and_counted() -> None:
    device = golden()
    device[0][0][:2] = [1e30, -1e30]
    figure = overlay_html(sample.pixels(), device=device, name="p")
    assert "device: 1 keypoint outside the picture" in Tokens(figure).text
    svg = overlay_svg(None, device=device, size_px=(320, 240))
    for name in ("cx", "cy"):
        values = [abs(float(value)) for value in re.findall(rf'{name}="([^"]+)"', svg)]
        assert len(values) == 13
        assert max(values) == 4 * 320


def test_low_scores_are_faint_and_truth_never_is() -> None:
    layers = layers_of(overlay_svg(None, device=golden(), golden=golden(), truth=[sample.TRUTH.tolist()]))
    for name, faint in (("device", [6]), ("golden", [6]), ("truth", [])):
        classes = [mark.attrib["class"] for mark, _ in marks(layers[name])]
        assert [index for index, each in enumerate(classes) if "pose-faint" in each] == faint


@pytest.mark.parametrize(
    "given",
    [
        {"device": golden()},
        {"device": golden(), "golden": golden()},
        {"device": None, "golden": golden()},
        {"device": golden(), "truth": []},
        {"device": []},
        {"device": None},
    ],
)
def test_missing_layers_have_no_switch_and_no_drawing(given: dict[str, Any]) -> None:
    figure = overlay_html(sample.pixels(), name="p", **given)
    present = {name for name, persons in given.items() if persons is not None}
    assert set(re.findall(r'class="pose-switch-(\w+)"', figure)) == present
    assert set(layers_of(overlay_svg(sample.pixels(), **given))) == present
    for name, persons in given.items():
        assert (f"{name}: nobody" in Tokens(figure).text) == (persons == [])


def test_seventeen_keypoints_and_unknown_sets() -> None:
    many = [[[float(i), float(i), 0.9] for i in range(17)]]
    titles = [text for _, text in marks(layers_of(overlay_svg(None, device=many))["device"])]
    assert [text.split("\n")[0] for text in titles] == [f"Device: {name.replace('_', ' ')}" for name in COCO_17.names]
    five = [[[float(i), 1.0, 0.9] for i in range(5)]]
    layer = layers_of(overlay_svg(None, device=five))["device"]
    assert [text.split("\n")[0] for _, text in marks(layer)] == [f"Device: keypoint {i}" for i in range(5)]
    assert layer.find(f".//{SVG}path[@class='pose-line']") is None


def test_crowds_are_bounded_and_counted() -> None:
    crowd = golden() * (MAX_PERSONS + 3)
    figure = overlay_html(None, device=crowd, name="p")
    assert "device: 3 more persons not drawn" in Tokens(figure).text
    assert len(marks(layers_of(overlay_svg(None, device=crowd))["device"])) == MAX_PERSONS * 13


def test_blank_canvas_has_the_given_size_or_what_the_keypoints_span() -> None:
    svg = ElementTree.fromstring(overlay_svg(None, device=golden(), size_px=(640, 480)))
    assert svg.attrib["viewBox"] == "0 0 640 480"
    assert svg.find(f"{SVG}rect") is not None
    assert svg.find(f"{SVG}image") is None
    spanned = ElementTree.fromstring(overlay_svg(None, device=golden())).attrib["viewBox"].split()
    assert int(spanned[2]) >= sample.golden_keypoints()[:, 0].max()
    assert int(spanned[3]) >= sample.golden_keypoints()[:, 1].max()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_and_notes_stay_text(name: str) -> None:
    found = Tokens(overlay_html(None, device=golden(), golden=golden(), name=name, notes=[name]))
    allowed = {
        "figure",
        "figcaption",
        "strong",
        "span",
        "fieldset",
        "legend",
        "label",
        "input",
        "svg",
        "path",
        "circle",
        "rect",
        "g",
        "title",
        "details",
        "summary",
        "div",
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    }
    assert {element for element, _ in found.elements} <= allowed
    assert not any(
        attribute.startswith("on") or attribute == "id" for _, attributes in found.elements for attribute in attributes
    )


def test_names_for_those_who_do_not_see_the_drawing() -> None:
    found = Tokens(overlay_html(sample.pixels(), device=golden(), golden=golden(), truth=None, name="cat.png"))
    pictures = [
        attributes for element, attributes in found.elements if element == "svg" and attributes.get("role") == "img"
    ]
    assert [each["aria-label"] for each in pictures] == ["cat.png with the device, golden skeletons"]
    assert "Skeletons drawn on cat.png" in found.text
    assert "Device keypoints of cat.png" in found.text


def _decoded(uri: str) -> Image.Image:
    head, _, body = uri.partition(",")
    assert head == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(body, validate=True)))


@pytest.mark.parametrize("shape", [(480, 640), (1200, 300), (64, 48), (1, 1), (1, 2000), (480, 480)])
def test_thumbnails_keep_the_shape_and_are_never_enlarged(shape: tuple[int, int]) -> None:
    pixels = np.full((*shape, 3), 90, dtype=np.uint8)
    picture = _decoded(data_uri(pixels))
    scale = min(1.0, LONG_SIDE_PX / max(shape))
    assert picture.size == (max(1, round(shape[1] * scale)), max(1, round(shape[0] * scale)))


def test_thumbnails_of_noise_are_bounded_too() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (900, 1200, 3), dtype=np.uint8)
    uri = data_uri(pixels)
    assert len(uri) <= MAX_BYTES * 4 / 3 + 40
    picture = _decoded(uri)
    assert picture.size[0] / picture.size[1] == pytest.approx(4 / 3, rel=0.02)
    assert np.asarray(picture).std() > 5


def test_thumbnail_shows_the_picture() -> None:
    shown = np.asarray(_decoded(data_uri(sample.pixels())).convert("RGB")).astype(int)
    assert np.abs(shown - sample.pixels().astype(int)).mean() < 8


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_what_is_no_picture_is_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match=r"a picture is uint8 \[height, width, 3\]"):
        data_uri(bad)
