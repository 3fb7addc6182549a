"""What was found in labels and settled: counted by kind and picture, told in one sentence per kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import Enum


class Kind(Enum):
    """Something about labels that the user must know of, though the run goes on."""

    NO_AREA = "labelled persons without an area (no box, an empty one, or area 0), who get no OKS and are counted out"
    NO_KEYPOINTS = "persons with a box but no keypoints, who count as persons without labelled keypoints"
    ALL_INVISIBLE = "persons whose keypoints have coordinates but all visibility 0, which means not labelled"
    ZERO_PAIRS = (
        "persons with keypoints at 0, 0 in labels without visibilities, taken as not labelled (ultralytics takes them "
        "as visible)"
    )
    OTHER_CATEGORY = "annotations of other categories, not used"
    NO_CATEGORY = "annotations of a category that the file does not list, taken as its only one"
    SAME_PERSON = "persons who are labelled twice in the same way, counted once"
    SAME_ID = "annotations with the id of another one, all used"
    SAME_FILE = "pictures that are listed more than once, whose persons were put together"
    SECOND_OPINION = "pictures with several annotations, of which the ground truth or else the first is used"
    OTHER_SPELLING = "pictures whose file is spelt otherwise (capitals, backslashes, accents)"
    ADDRESS = "pictures that are named by a URL or another path, found by the end of it"
    TURNED = "pictures labelled as they are stored, whose labels were turned upright with them (EXIF orientation)"
    PERHAPS_TURNED = (
        "pictures with an EXIF orientation where sizes do not tell whether labels were made before or after turning, "
        "taken as made after"
    )
    PROBABLY_TURNED = (
        "pictures with an EXIF orientation where sizes do not tell whether labels were made before or after turning, "
        "taken as made before, like those of the file's other pictures"
    )
    SCALED = "pictures of another size than the file says and of the same proportions, whose labels were scaled"
    FRACTIONS = "pictures whose keypoints are fractions of the picture (0..1), converted to pixels"
    BOX_FRACTIONS = "pictures whose boxes or areas are fractions of the picture (0..1), converted to pixels"
    PERCENT = "pictures whose keypoints are percent of the picture (0..100), converted to pixels"
    BOX_PERCENT = "pictures whose boxes are percent of the picture (0..100), converted to pixels"
    NOT_FRACTIONS = "pictures whose keypoints are pixels, where the format has fractions of the picture (0..1)"
    BOX_NOT_FRACTIONS = "pictures whose boxes are pixels, where the format has fractions of the picture (0..1)"
    CORNERS = "persons whose box is two corners (x1, y1, x2, y2), read as such"
    FROM_CORNER = "persons whose box begins with a corner, where the format has the centre, read as such"
    OUTSIDE = "persons with labelled keypoints outside the picture, used as they are"
    BOX_ELSEWHERE = "persons whose box is not around their keypoints; only its size is used"
    BOX_LEAVES = "persons whose box leaves the picture, used as they are"


Findings = Counter[Kind]


def sentences(source: str, findings: Iterable[tuple[str, Findings]]) -> tuple[str, ...]:
    """One sentence per kind: what, how many, and the first picture that it is true of.

    Args:
        source: names the annotation file.
        findings: file names of pictures with what was found in each.
    """
    counts: Findings = Counter()
    examples: dict[Kind, str] = {}
    for name, own in findings:
        for kind in +own:
            examples.setdefault(kind, name)
        counts.update(own)
    return tuple(f"{source}: {kind.value}: {counts[kind]} (first: {examples[kind]})." for kind in Kind if counts[kind])
