"""One picture with the golden, device and truth skeletons on it: inline SVG, layers switched by CSS, no scripts.

The three layers differ in colour (Okabe & Ito's colour-blind safe palette), line style and marker, so that they can be
told apart without colour. The looks are in pose.css; this module writes geometry and words only.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.report import figures
from pytest_stm32pose.report.layers import (
    FAINT_BELOW,
    LAYERS,
    TITLES,
    Drawable,
    Layer,
    LayerName,
    Named,
    Person,
    Point,
    layer,
    nearest,
)
from pytest_stm32pose.report.markup import Html, join, tag
from pytest_stm32pose.report.thumbnail import data_uri

#: Side of the reference drawing: marker sizes are given for a picture displayed this large.
_REFERENCE_PX = 480.0
#: Coordinates are clipped to this many picture sides around it: huge numbers break renderers.
_CLIP_SIDES = 4.0


def overlay_svg(
    pixels: NDArray[np.uint8] | None,
    *,
    device: Drawable | None,
    golden: Drawable | None = None,
    truth: Drawable | None = None,
    size_px: tuple[int, int] | None = None,
    name: str = "",
    skeleton: Named | None = None,
    faint_below: float = FAINT_BELOW,
) -> str:
    """The picture (or a blank canvas) with its skeletons, one accessible `<svg>`.

    Args:
        pixels: uint8 [height, width, 3] RGB of the original picture; None draws a blank canvas.
        device, golden, truth: [persons][K][x_px, y_px, score], pixels of the original picture, nested lists or an
            array; None when there is no such layer. For truth the third value is COCO's visibility: 0 is not drawn.
        size_px: width and height of the original; default: of `pixels`, else what the keypoints span.
        name: of the picture, for the accessible name.
        skeleton: which keypoints they are; None: the usual set of so many.
        faint_below: predictions with a lower score are drawn faintly.
    """
    layers = _layers(device, golden, truth, skeleton, faint_below)
    return str(_svg(pixels, layers, size_px or _size_of(pixels, layers.values()), name))


def overlay_html(
    pixels: NDArray[np.uint8] | None,
    *,
    device: Drawable | None,
    golden: Drawable | None = None,
    truth: Drawable | None = None,
    size_px: tuple[int, int] | None = None,
    name: str = "",
    notes: Iterable[str] = (),
    skeleton: Named | None = None,
    faint_below: float = FAINT_BELOW,
) -> str:
    """`overlay_svg` as a figure: heading with `notes`, one switch per layer (also the legend), and the numbers.

    Args: see `overlay_svg`.
        notes: short facts below the name, such as "OKS vs golden 1.0000".
    """
    layers = _layers(device, golden, truth, skeleton, faint_below)
    size_px = size_px or _size_of(pixels, layers.values())
    facts = [*notes, *_remarks(layers.values(), size_px, blank=pixels is None)]
    caption = tag("figcaption", tag("strong", name or "picture"), *(tag("span", fact) for fact in facts))
    switches = join(_switch(which) for which in reversed(LAYERS) if which in layers)
    return str(
        tag(
            "figure",
            caption,
            tag(
                "fieldset",
                tag("legend", f"Skeletons drawn on {name or 'the picture'}", class_="pose-sr"),
                switches,
                class_="pose-switches",
            ),
            _svg(pixels, layers, size_px, name),
            _numbers(layers, name),
            class_="pose-overlay",
        )
    )


def _layers(
    device: Drawable | None,
    golden: Drawable | None,
    truth: Drawable | None,
    skeleton: Named | None,
    faint_below: float,
) -> dict[LayerName, Layer]:
    given: dict[LayerName, Drawable | None] = {"truth": truth, "golden": golden, "device": device}
    read = {name: layer(name, given[name], skeleton=skeleton, faint_below=faint_below) for name in LAYERS}
    return {name: value for name, value in read.items() if value is not None}


def _size_of(pixels: NDArray[np.uint8] | None, layers: Iterable[Layer]) -> tuple[int, int]:
    if pixels is not None:
        return int(pixels.shape[1]), int(pixels.shape[0])
    points = [point for each in layers for person in each.persons for point in person.points.values()]
    spans = (max((getattr(point, axis) for point in points), default=0.0) for axis in ("x_px", "y_px"))
    width, height = (int(min(max(span * 1.05, 64), 16384)) for span in spans)
    return width, height


def _svg(pixels: NDArray[np.uint8] | None, layers: dict[LayerName, Layer], size_px: tuple[int, int], name: str) -> Html:
    width, height = size_px
    drawn = [_draw(each, layers, size_px) for each in layers.values()]
    shown = ", ".join(TITLES[which].lower() for which in reversed(LAYERS) if which in layers)
    picture = (
        tag("rect", class_="pose-canvas", width=width, height=height)
        if pixels is None
        else tag("image", href=data_uri(pixels), width=width, height=height, preserveAspectRatio="none")
    )
    label = f"{name or 'picture'} with the {shown} skeletons" if shown else f"{name or 'picture'} without skeletons"
    return tag(
        "svg",
        picture,
        *drawn,
        class_="pose-picture",
        role="img",
        aria_label=label,
        width=width,
        height=height,
        viewBox=f"0 0 {width} {height}",
        xmlns="http://www.w3.org/2000/svg",
    )


def _draw(each: Layer, layers: dict[LayerName, Layer], size_px: tuple[int, int]) -> Html:
    others = [layers[name] for name in ("golden", "truth") if name != each.name and name in layers]
    persons = []
    for person in each.persons:
        partners = [(other.name, nearest(person, other)) for other in others]
        persons.append(
            tag(
                "g",
                _limbs(person, size_px),
                *(_marker(each.name, person, point, partners, size_px) for point in person.points.values()),
            )
        )
    return tag("g", *persons, class_=f"pose-layer pose-{each.name}")


def _limbs(person: Person, size_px: tuple[int, int]) -> Html:
    """All limbs as two paths, confident and faint, each with a dark halo below for bright pictures."""
    strokes: dict[bool, list[str]] = {False: [], True: []}
    for first, second in person.limbs:
        a, b = person.points[first], person.points[second]
        strokes[a.faint or b.faint].append("M{} {}L{} {}".format(*_at(a, size_px), *_at(b, size_px)))
    paths = []
    for faint, parts in strokes.items():
        if parts:
            d, suffix = "".join(parts), " pose-faint" if faint else ""
            paths += [tag("path", d=d, class_=f"pose-halo{suffix}"), tag("path", d=d, class_=f"pose-line{suffix}")]
    return join(paths)


def _marker(
    name: LayerName,
    person: Person,
    point: Point,
    partners: list[tuple[LayerName, Person | None]],
    size_px: tuple[int, int],
) -> Html:
    """Device: disc. Golden: open square around it. Truth: cross. Each tells its numbers when pointed at."""
    unit = max(size_px) / _REFERENCE_PX
    x, y = _at(point, size_px)
    words = [
        f"{TITLES[name]}: {point.name}",
        _score(name, point),
        f"x {figures.pixels(point.x_px)}, y {figures.pixels(point.y_px)} px",
    ]
    for other, partner in partners:
        distance_px = person.distance_px(point.index, partner)
        if distance_px is not None:
            words.append(f"{figures.pixels(distance_px)} px from {TITLES[other].lower()}")
    title = tag("title", "\n".join(words))
    css = "pose-mark pose-faint" if point.faint else "pose-mark"
    if name == "device":
        return tag("circle", title, cx=x, cy=y, r=_trim(3.4 * unit), class_=css)
    reach = (6.0 if name == "golden" else 5.0) * unit
    left, top, side = _trim(x - reach), _trim(y - reach), _trim(2 * reach)
    if name == "golden":
        return tag("rect", title, x=left, y=top, width=side, height=side, class_=css)
    cross = f"M{left} {top}l{side} {side}m0 -{side}l-{side} {side}"
    return join((tag("path", d=cross, class_="pose-rim"), tag("path", title, d=cross, class_=css)))


def _score(name: LayerName, point: Point) -> str:
    if name == "truth":
        return "labelled visible" if point.score >= 2 else "labelled hidden"
    return f"score {figures.share(point.score)}"


def _at(point: Point, size_px: tuple[int, int]) -> tuple[float, float]:
    """Drawing coordinates, kept within a few picture sides (the drawing itself is clipped to the picture)."""
    limit = _CLIP_SIDES * max(size_px)
    return _trim(min(max(point.x_px, -limit), limit)), _trim(min(max(point.y_px, -limit), limit))


def _trim(value: float) -> float:
    return round(value, 2)


def _switch(name: LayerName) -> Html:
    sample = tag(
        "svg",
        tag("path", d="M2 9H38", class_="pose-line"),
        {
            "device": tag("circle", cx=20, cy=9, r=4, class_="pose-mark"),
            "golden": tag("rect", x=13, y=2, width=14, height=14, class_="pose-mark"),
            "truth": tag("path", d="M15 4l10 10m0 -10l-10 10", class_="pose-mark"),
        }[name],
        class_=f"pose-sample pose-{name}",
        viewBox="0 0 40 18",
        width=30,
        height=14,
        aria_hidden="true",
    )
    box = tag("input", type="checkbox", checked=True, autocomplete="off", class_=f"pose-switch-{name}")
    return tag("label", box, sample, TITLES[name])


def _remarks(layers: Iterable[Layer], size_px: tuple[int, int], *, blank: bool) -> list[str]:
    remarks = ["picture not at hand: skeletons only"] if blank else []
    for each in layers:
        title = TITLES[each.name].lower()
        points = [point for person in each.persons for point in person.points.values()]
        outside = sum(not (0 <= p.x_px <= size_px[0] and 0 <= p.y_px <= size_px[1]) for p in points)
        if not each.persons:
            remarks.append(f"{title}: nobody")
        if outside:
            remarks.append(f"{title}: {outside} keypoint{'s' * (outside > 1)} outside the picture")
        if each.undrawable:
            remarks.append(f"{title}: {each.undrawable} keypoint{'s' * (each.undrawable > 1)} not a number, not drawn")
        if each.omitted:
            remarks.append(f"{title}: {each.omitted} more person{'s' * (each.omitted > 1)} not drawn")
    return remarks


def _numbers(layers: dict[LayerName, Layer], name: str) -> Html | None:
    """The keypoints as a table, folded: the same numbers without a pointer."""
    device = layers.get("device")
    if device is None or not device.persons:
        return None
    others: list[LayerName] = [which for which in ("golden", "truth") if which in layers]
    heads = ["Keypoint", "Score", "x px", "y px", *(f"px from {TITLES[which].lower()}" for which in others)]
    rows = []
    for number, person in enumerate(device.persons, 1):
        partners = [nearest(person, layers[which]) for which in others]
        for point in person.points.values():
            label = point.name if len(device.persons) == 1 else f"{number}: {point.name}"
            distances = (figures.pixels(person.distance_px(point.index, partner)) for partner in partners)
            rows.append(
                tag(
                    "tr",
                    tag("th", label, scope="row"),
                    *(
                        tag("td", cell)
                        for cell in (
                            figures.share(point.score),
                            figures.pixels(point.x_px),
                            figures.pixels(point.y_px),
                            *distances,
                        )
                    ),
                )
            )
    table = tag(
        "table",
        tag("caption", f"Device keypoints of {name or 'the picture'}", class_="pose-sr"),
        tag("thead", tag("tr", *(tag("th", head, scope="col") for head in heads))),
        tag("tbody", *rows),
    )
    return tag(
        "details",
        tag("summary", "Keypoints"),
        tag(
            "div",
            table,
            class_="pose-scroll",
            tabindex="0",
            role="group",
            aria_label=f"Device keypoints of {name or 'the picture'}",
        ),
    )
