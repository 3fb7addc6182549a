"""The report as a reader sees it: a real pytest-html run shown by a real browser, desktop and phone, light and dark.

Set STM32POSE_SCREENSHOTS to a folder to keep the screenshots.
"""

from __future__ import annotations

import base64
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pytest_stm32pose.report.attach import MAX_ATTACHED
from pytest_stm32pose.report.standalone import write_report
from tests.support import report_sample as sample
from tests.support.axe import axe_script, violations
from tests.support.chromium import Browser, chromium_path, open_browser
from tests.support.records import run_of

REPOSITORY = Path(__file__).resolve().parents[2]
#: The linked report has the same elements as the self-contained one.
ONE_FILE = pytest.mark.parametrize("report_path", ["self-contained", "standalone"], indirect=True)
VIEWS = [(width_px, dark) for width_px in (1280, 390) for dark in (False, True)]

#: What a plugin does with pytest_stm32pose.report.attach.
CONFTEST = """
import pytest
from pytest_stm32pose.report import attach
from tests.support import report_sample as sample

RECORD = sample.record()

@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call" and "picture" in item.fixturenames:
        image = RECORD["models"][0]["images"][item.callspec.params["picture"]]
        attach.add_overlays(report, [attach.picture_overlay(image, sample.pixels())])
    return report

def pytest_html_results_summary(prefix):
    attach.results_summary(prefix, RECORD)

def pytest_html_results_table_row(report, cells):
    attach.escape_test_id(report, cells)
"""
TESTS = """
import pytest

@pytest.mark.parametrize("picture", range(3))
def test_picture(picture):
    assert picture != 1, "x" * 300

@pytest.mark.parametrize("name", [1], ids=["<img src=x onerror=document.title='owned'>" + "n" * 120])
def test_hostile_and_long_name(name):
    pass

def test_skipped():
    pytest.skip("no board named")
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    executable = chromium_path()
    if executable is None:
        pytest.skip("no Chromium: apt-get install chromium")
    with open_browser(executable, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module", params=["linked", "self-contained", "standalone"])
def report_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of each kind that a user can make."""
    folder = tmp_path_factory.mktemp(request.param)
    path = folder / "report.html"
    if request.param == "standalone":
        write_report(
            run_of(sample.record()), path, {"picture-000.png": sample.pixels(), "picture-001.png": sample.pixels()}
        )
        return path
    flags = ["--self-contained-html"] if request.param == "self-contained" else []
    run_pytest(folder, path, CONFTEST, TESTS, flags, "1 failed, 3 passed, 1 skipped")
    return path


def run_pytest(folder: Path, path: Path, conftest: str, tests: str, flags: list[str], expected: str) -> None:
    """A real pytest-html run that writes `path` and ends with the outcomes `expected`."""
    (folder / "conftest.py").write_text(conftest)
    (folder / "test_it.py").write_text(tests)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:stm32pose", f"--html={path}"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTEST_ADDOPTS": ""}
    done = subprocess.run(
        [*command, *flags], cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert expected in done.stdout, done.stdout + done.stderr


def show_all(browser: Browser, path: Path, *, width_px: int, dark: bool) -> None:
    """Load the report with every test row and every folded part open."""
    browser.show(path, width_px=width_px, dark=dark)
    browser.run("document.getElementById('show_all_details')?.click()")
    browser.run("document.querySelectorAll('details').forEach(each => { each.open = true })")


def screenshot(browser: Browser, path: Path, name: str) -> np.ndarray:
    """The whole page as uint8 [height, width, 3]."""
    keep = os.environ.get("STM32POSE_SCREENSHOTS")
    shot = (Path(keep) if keep else path.parent) / f"{path.parent.name}-{name}.png"
    browser.screenshot(shot)
    return np.asarray(Image.open(io.BytesIO(shot.read_bytes())).convert("RGB"))


@pytest.mark.parametrize(("width_px", "dark"), VIEWS)
def test_fits_the_screen_and_follows_the_readers_scheme(
    browser: Browser, report_path: Path, width_px: int, dark: bool
) -> None:
    show_all(browser, report_path, width_px=width_px, dark=dark)
    assert browser.run("innerWidth") == width_px, "the viewport element is not honoured"
    assert browser.run("document.scrollingElement.scrollWidth") <= width_px
    wider = """[...document.querySelectorAll('.pose-report *, .pose-overlay *')].filter(each =>
        each.getBoundingClientRect().right > innerWidth + 1 && !each.closest('.pose-scroll, svg, .pose-sr'))
        .map(each => each.className + ': ' + each.textContent.slice(0, 60))"""
    assert browser.run(wider) == []
    pixels = screenshot(browser, report_path, f"{width_px}-{'dark' if dark else 'light'}")
    assert pixels.shape[1] == width_px
    background = float(np.median(pixels))
    assert background < 60 if dark else background > 200


@pytest.mark.parametrize(("width_px", "dark"), VIEWS)
def test_overlays_are_visible(browser: Browser, report_path: Path, width_px: int, dark: bool) -> None:
    show_all(browser, report_path, width_px=width_px, dark=dark)
    boxes = browser.run(
        """[...document.querySelectorAll('.pose-picture')].map(each => {
            const box = each.getBoundingClientRect(), marks = [...each.querySelectorAll('.pose-mark')]
            return [box.width, box.height, marks.filter(mark => mark.getBoundingClientRect().width > 2).length] })"""
    )
    assert len(boxes) == (8 if report_path.parent.name.startswith("standalone") else 3)
    for width, height, marks in boxes:
        assert 200 < width <= min(width_px, 480)
        assert width / height == pytest.approx(sample.WIDTH_PX / sample.HEIGHT_PX, rel=0.01)
        assert marks == 13 + 13 + 12
    loaded = "Promise.all([...document.querySelectorAll('image')].map(each => each.decode().then(() => true)))"
    assert set(browser.run(loaded)) == {True}


def test_switches_show_and_hide_their_layer_only(browser: Browser, report_path: Path) -> None:
    show_all(browser, report_path, width_px=1280, dark=False)
    shown = """['device', 'golden', 'truth'].map(name => [...document.querySelectorAll('.pose-overlay')].map(each =>
        getComputedStyle(each.querySelector('g.pose-' + name)).display !== 'none'))"""
    count = browser.run("document.querySelectorAll('.pose-overlay').length")
    everything = [[True] * count] * 3
    assert browser.run(shown) == everything
    for index, name in enumerate(("device", "golden", "truth")):
        # the label is what a reader touches
        click = f"document.querySelector('.pose-overlay .pose-switch-{name}').closest('label').click()"
        browser.run(click)
        hidden = [list(row) for row in everything]
        hidden[index][0] = False
        assert browser.run(shown) == hidden
        browser.run(click)
    assert browser.run(shown) == everything


@pytest.mark.parametrize("dark", [False, True])
def test_text_has_contrast(browser: Browser, report_path: Path, dark: bool) -> None:
    """WCAG 2.2 AA: at least 4.5 : 1 for every piece of text of ours, against the nearest painted background."""
    show_all(browser, report_path, width_px=1280, dark=dark)
    low = browser.run(
        """(() => {
        const numbers = text => text.match(/[\\d.]+/g).map(Number)
        const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
            .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
            .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0)
        const behind = each => {
            for (let at = each; at; at = at.parentElement) {
                const colour = numbers(getComputedStyle(at).backgroundColor)
                if (colour.length < 4 || colour[3] > 0) return colour }
            return matchMedia('(prefers-color-scheme: dark)').matches ? [18, 18, 18] : [255, 255, 255] }
        const low = []
        for (const each of document.querySelectorAll('.pose-report *, .pose-overlay *')) {
            if (each.closest('svg') || ![...each.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue
            const [a, b] = [light(numbers(getComputedStyle(each).color)), light(behind(each))]
            const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
            if (ratio < 4.5) low.push([each.className, each.textContent.slice(0, 40), ratio]) }
        return low })()"""
    )
    assert low == []


def test_tables_look_the_same_inside_other_tools_tables(browser: Browser, report_path: Path) -> None:
    show_all(browser, report_path, width_px=390, dark=False)
    looks = browser.run(
        """[...new Set([...document.querySelectorAll('.pose-scroll tbody td')].map(each => {
            const style = getComputedStyle(each)
            return [style.textAlign, style.paddingLeft, style.borderLeftWidth, style.whiteSpace].join(' ') }))]"""
    )
    assert looks == ["right 9px 0px nowrap"]
    heights = "[...document.querySelectorAll('caption.pose-sr')].map(each => each.getBoundingClientRect().height)"
    captions = browser.run(heights)
    assert captions
    assert max(captions) <= 1
    results = browser.run(
        """[...document.querySelectorAll('td.col-result')].map(each => {
            const range = document.createRange(); range.selectNodeContents(each)
            return range.getClientRects().length })"""
    )
    assert set(results) <= {1}, "a result word is broken over lines"


def test_wide_tables_scroll_inside_their_container(browser: Browser, report_path: Path) -> None:
    show_all(browser, report_path, width_px=390, dark=False)
    moved = browser.run(
        """(() => { const wide = [...document
            .querySelectorAll('.pose-scroll:not(.pose-plot-scroll)')].filter(e => e.scrollWidth > e.clientWidth)
        return wide.map(e => { e.scrollLeft = 1e6
            const head = e.querySelector('tbody th').getBoundingClientRect(), box = e.getBoundingClientRect()
            return e.scrollLeft > 0 && Math.abs(head.left - box.left) < 3 }) })()"""
    )
    assert len(moved) >= 2
    assert all(moved), "the table does not scroll, or its first column does not stay"


def test_a_hostile_test_id_is_shown_as_text(browser: Browser, report_path: Path) -> None:
    if report_path.parent.name.startswith("standalone"):
        pytest.skip("no tests in a report made from a record")
    show_all(browser, report_path, width_px=1280, dark=False)
    assert browser.run("document.title") == "report.html"
    ids = browser.run("[...document.querySelectorAll('.col-testId')].map(each => each.textContent)")
    assert any("<img src=x onerror=" in each for each in ids)
    assert browser.run("document.querySelectorAll('#results-table img[src=x]').length") == 0


def test_the_verdict_is_on_the_first_screen(browser: Browser, report_path: Path) -> None:
    browser.show(report_path, width_px=390, dark=False, height_px=844)
    box = browser.run("JSON.stringify(document.querySelector('.pose-verdict h2').getBoundingClientRect())")
    assert '"height":0' not in box
    assert browser.run("document.querySelector('.pose-verdict h2').getBoundingClientRect().bottom") < 844


@ONE_FILE
@pytest.mark.parametrize("dark", [False, True])
def test_no_serious_finding_of_axe(browser: Browser, report_path: Path, dark: bool) -> None:
    """The whole page, pytest-html's parts too."""
    script, missing = axe_script()
    if not script:
        pytest.skip(missing)
    show_all(browser, report_path, width_px=390 if dark else 1280, dark=dark)
    assert [each for each in violations(browser, script) if each["impact"] in ("serious", "critical")] == []


def test_axe_finds_what_is_wrong(browser: Browser, tmp_path: Path) -> None:
    """The check above is able to fail."""
    script, missing = axe_script()
    if not script:
        pytest.skip(missing)
    page = tmp_path / "bad.html"
    page.write_text("<html lang=en><title>t</title><img src=x><p style='color:#ccc;background:#fff'>faint</p>")
    browser.show(page, width_px=1280, dark=False)
    found = {each["rule"] for each in violations(browser, script) if each["impact"] in ("serious", "critical")}
    assert {"image-alt", "color-contrast"} <= found


def press(browser: Browser, key: str, code: int) -> None:
    """One key, as a keyboard sends it."""
    text = {"text": " "} if key == " " else {}
    for kind in ("keyDown", "keyUp"):
        browser.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **text)


def said(browser: Browser) -> str:
    """The filter's live region, as a screen reader gets it."""
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    by_id = {node["nodeId"]: node for node in nodes}
    [status] = [node for node in nodes if node.get("role", {}).get("value") == "status"]

    def words(node: dict[str, Any]) -> str:
        if node.get("role", {}).get("value") == "StaticText":
            return str(node["name"]["value"])
        return "".join(words(by_id[child]) for child in node.get("childIds", ()) if child in by_id)

    return words(status)


@ONE_FILE
def test_failures_only_by_keyboard_and_announced(browser: Browser, report_path: Path) -> None:
    show_all(browser, report_path, width_px=1280, dark=False)
    rows = """[...document.querySelectorAll('.pose-tall tbody tr')].filter(each => each.offsetParent)
        .map(each => each.textContent).filter(each => each.startsWith('picture'))"""
    before = browser.run(rows)
    assert len(before) == 8
    assert said(browser) == "Everything is shown."
    browser.run("document.querySelector('.pose-nav a').focus()")
    for _ in range(20):
        press(browser, "Tab", 9)
        if browser.run("document.activeElement.className") == "pose-failures-only":
            break
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert browser.run(outline) == "solid", "the focus is not seen"
    press(browser, " ", 32)
    assert said(browser).startswith("Failures only: 1 of 8 pictures, 2 of 13 budgets")
    shown = browser.run(rows)
    assert len(shown) == 1
    assert shown[0].startswith("picture-001.png")
    figures = "[...document.querySelectorAll('.pose-report .pose-overlay')].filter(each => each.offsetParent).length"
    if report_path.parent.name.startswith("standalone"):
        assert browser.run(figures) == 1
    press(browser, " ", 32)
    assert browser.run(rows) == before
    assert said(browser) == "Everything is shown."


@ONE_FILE
def test_it_prints_without_controls_in_light_colours_and_unfolded(browser: Browser, report_path: Path) -> None:
    browser.show(report_path, width_px=1280, dark=True)
    browser.call("Emulation.setEmulatedMedia", media="print")
    try:
        left = """['.pose-nav', '.pose-filter', '.pose-switches', '.filters', '.collapse'].filter(each =>
            [...document.querySelectorAll(each)].some(found => found.checkVisibility()))"""
        assert browser.run(left) == []
        assert browser.run("getComputedStyle(document.querySelector('.pose-card')).backgroundColor") == (
            "rgb(255, 255, 255)"
        )
        cut = """[...document.querySelectorAll('.pose-scroll')].filter(each => {
            const style = getComputedStyle(each)
            return style.overflowX !== 'visible' || style.maxHeight !== 'none' }).length"""
        assert browser.run(cut) == 0
        pdf = base64.b64decode(browser.call("Page.printToPDF", printBackground=False)["data"])
        assert pdf.startswith(b"%PDF-")
        pages = len(re.findall(rb"/Type\s*/Page\b", pdf))
        assert 3 <= pages <= 40
    finally:
        browser.call("Emulation.setEmulatedMedia", media="")


PICTURES = 500
#: Every test hands over a figure, as the plugin does; it is drawn once, since drawing is not what is timed.
BIG_CONFTEST = CONFTEST.replace("sample.record()", f"sample.record({PICTURES})").replace(
    """        image = RECORD["models"][0]["images"][item.callspec.params["picture"]]
        attach.add_overlays(report, [attach.picture_overlay(image, sample.pixels())])
""",
    """        attach.add_overlays(report, [FIGURE], item.callspec.params["picture"])
""",
)
BIG_CONFTEST += """
FIGURE = attach.picture_overlay(RECORD["models"][0]["images"][1], sample.pixels())
"""
BIG_TESTS = f"""
import pytest

@pytest.mark.parametrize("picture", range({PICTURES}))
def test_picture(picture):
    pytest.fail("the picture left the golden", pytrace=False)
"""


@pytest.mark.parametrize("kind", ["self-contained", "standalone"])
def test_five_hundred_pictures_open_fast(browser: Browser, tmp_path: Path, kind: str) -> None:
    """The worst case for pytest-html: every picture failed. What counts is the processor's time."""
    path = tmp_path / "report.html"
    if kind == "standalone":
        record = sample.record(PICTURES)
        write_report(
            run_of(record), path, {f"picture-{number:03}.png": sample.pixels(number % 8) for number in range(PICTURES)}
        )
    else:
        run_pytest(tmp_path, path, BIG_CONFTEST, BIG_TESTS, ["--self-contained-html"], f"{PICTURES} failed")
    assert path.stat().st_size < 4 * 1024 * 1024
    before_s = browser.busy_s()
    browser.show(path, width_px=1280, dark=False)
    assert 0 < browser.busy_s() - before_s < 8
    shown = "document.querySelectorAll('.pose-report .pose-overlay').length"
    assert browser.run(shown) <= (2 * 20 if kind == "standalone" else MAX_ATTACHED)
