"""The report as a reader sees it: a real pytest-html run shown by a real browser, desktop and phone, light and dark.

Set STM32POSE_SCREENSHOTS to a folder to keep the screenshots.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_stm32pose.report.standalone import write_report
from tests import report_sample as sample
from tests.chromium import Browser, chromium_path, open_browser

REPOSITORY = Path(__file__).resolve().parents[2]
VIEWS = [(width_px, dark) for width_px in (1280, 390) for dark in (False, True)]

#: What a plugin does with pytest_stm32pose.report.attach.
CONFTEST = """
import pytest
from pytest_stm32pose.report import attach
from tests import report_sample as sample

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
        write_report(sample.record(), path, {"picture-000.png": sample.pixels(), "picture-001.png": sample.pixels()})
        return path
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_it.py").write_text(TESTS)
    flags = ["--self-contained-html"] if request.param == "self-contained" else []
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:stm32pose", f"--html={path}"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTEST_ADDOPTS": "", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [*command, *flags], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert "1 failed, 3 passed, 1 skipped" in done.stdout, done.stdout + done.stderr
    return path


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
