"""`stm32pose report`: one self-contained file from a record, written atomically, with or without the pictures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.report import html
from pytest_stm32pose.report.standalone import page, write_report
from tests.support import report_sample as sample
from tests.support.html_tokens import Tokens
from tests.support.records import run_of


def test_the_page_is_self_contained() -> None:
    found = Tokens(page(run_of(sample.record()), {"picture-000.png": sample.pixels()}))
    links = [value for _, attributes in found.elements for key, value in attributes.items() if key in ("src", "href")]
    pictures = [link or "" for link in links if not (link or "").startswith("#")]
    assert len(pictures) == 2
    assert all(link.startswith("data:image/jpeg;base64,") for link in pictures)
    assert not {"script", "link", "iframe", "object"} & {name for name, _ in found.elements}
    assert "url(" not in page(run_of(sample.record()))
    assert [attributes for name, attributes in found.elements if name == "html"] == [{"lang": "en"}]
    assert [name for name, _ in found.elements].count("main") == 1


def test_pictures_at_hand_are_shown_and_others_are_blank_canvases_of_their_size() -> None:
    document = page(run_of(sample.record()), {"picture-000.png": sample.pixels()})
    assert document.count('class="pose-overlay"') == 8
    assert document.count("<image ") == 2
    assert len(re.findall(r'class="pose-picture"[^>]*><rect class="pose-canvas"', document)) == 6
    boxes = set(re.findall(r'class="pose-picture"[^>]*viewBox="([^"]+)"', document))
    assert boxes == {f"0 0 {sample.WIDTH_PX} {sample.HEIGHT_PX}"}
    assert Tokens(document).text.count("picture not at hand") == 6


def test_the_worst_pictures_are_drawn_first_and_their_number_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "MAX_FIGURES", 3)
    document = page(run_of(sample.record(pictures=6)))
    captions = re.findall(r'class="pose-overlay"><figcaption><strong>([^<]+)', document)
    assert captions == [f"picture-00{number}.png" for number in (1, 5, 4, 5, 4, 3)]
    assert "the worst 3 of 6" in Tokens(document).text


def test_many_networks_share_a_bound_of_figures() -> None:
    record = sample.record(pictures=20)
    record["models"] = [{**record["models"][0], "name": f"network-{number}"} for number in range(40)]
    assert page(run_of(record)).count('class="pose-overlay"') == 120


def test_a_hundred_pictures_stay_mailable() -> None:
    record = sample.record(pictures=100)
    pictures = {f"picture-{number:03}.png": sample.pixels(number) for number in range(100)}
    assert len(page(run_of(record), pictures)) < 8 * 1024 * 1024


def test_writing_replaces_the_old_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    out_path = tmp_path / "deep" / "report.html"
    write_report(run_of(sample.record()), out_path)
    first = out_path.read_text(encoding="utf-8")
    assert first.startswith("<!DOCTYPE html>")
    write_report(run_of({**sample.record(), "verdict": "passed", "reasons": []}), out_path)
    assert out_path.read_text(encoding="utf-8") != first
    assert [path.name for path in out_path.parent.iterdir()] == ["report.html"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match=r"file.*cannot be written"):
        write_report(run_of(sample.record()), tmp_path / "file" / "report.html")


def test_names_that_are_not_utf8_do_not_stop_the_report(tmp_path: Path) -> None:
    record = sample.record()
    record["models"][0]["images"][0]["id"] = "name-\udcff.png"
    write_report(run_of(record), tmp_path / "report.html")
    assert "name-\N{REPLACEMENT CHARACTER}.png" in (tmp_path / "report.html").read_text(encoding="utf-8")
