"""Whose definition each accuracy figure has: figures of one name and several definitions must not be compared. Pure.

OKS and mAP are defined by COCO (cocoeval), by ST's model zoo and by ultralytics, and differ in what an area is, in how
a prediction finds its label and in how precision is integrated (docs/accuracy.md). What a run judges and records is
ST's, since that is behind the published figures.
"""

from __future__ import annotations

from collections.abc import Mapping

_ST_MAP = "ST's mAP: matches by likeness, trapezoid over 101 points"
#: By the record's key of the figure.
DEFINITIONS: Mapping[str, str] = {
    "oks_vs_golden": "ST's OKS, with the golden's keypoints as labels",
    "oks_vs_truth": "ST's OKS: shares of the picture, 0.53 of the box as area",
    "pck": "within 0.1 of the longer side of the label's box",
    "map50_vs_truth": _ST_MAP,
    "map_vs_truth": _ST_MAP,
}
