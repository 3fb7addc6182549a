"""Label folders as people have them (STM32POSE_DATA): each is read rightly, noted, or refused with one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pytest_stm32pose.errors import ImageError
from pytest_stm32pose.metrics.skeleton import built_in
from pytest_stm32pose.pictures.files import load_pictures
from tests.support.annotation_files import BOX, HEIGHT, WIDTH, figure
from tests.support.shared_data import shared_dir

#: Folder -> what the refusal says.
REFUSED = {
    "h36m17_order": "names 17 keypoints (pelvis, r_hip,",
    "halpe136_no_cat_kpts": "its annotations have 136 keypoints",
    "labelme": "labelme's format",
    "nan_json": "has nan in `area`",
    "no_eoi_jpeg": "a.jpg is a broken image",
    "only_v0": "all keypoints have visibility 0",
    "outside_kpts": "labels a keypoint of a person in a.png far outside",
    "results_list": "COCO's results format",
    "subset": "lists zz.png, which is neither beside it",
    "trunc_jpeg": "a.jpg is a broken image",
    "vis_bool_or_3": "a visibility other than 0",
    "vis_score": "a visibility other than 0",
}
#: Folder -> parts of its notes.
NOTED = {
    "2_exif_raw": ("turned upright with them",),
    "2_normalised": ("keypoints are fractions", "boxes or areas are fractions"),
    "2_scaled2": ("whose labels were scaled",),
    "all_v0": ("1 of 2 pictures",),
    "bbox_xyxy": ("box is two corners (x1, y1, x2, y2), read as such: 1 (first: a.png)",),
    "backslash_name": ("spelt otherwise",),
    "dup_ann_ids": ("counted once: 1",),
    "exif6_json_raw": ("turned upright with them",),
    "many_persons": ("not around their keypoints",),
    "no_bbox": ("without an area",),
    "normalised_kpts": ("keypoints are fractions", "boxes or areas are fractions"),
    "openpose18": ("of its 18 keypoints COCO's 17 are used, by name",),
    "person_box_only": ("a box but no keypoints",),
    "same_file_twice": ("counted once: 1", "listed more than once"),
}
#: The figure of other folders than most, and where its keypoints are.
OTHER_FIGURE = {"2_crowd2", "2_exif_raw", "2_exif_upright", "2_normalised", "2_scaled2", "2_unlabelled2"}
FIRST_POINTS = {
    "neg_visible_minus1": 16,
    "one_visible": 1,
    "null_keypoint": 17,
    "many_persons": 0,
    "tiny1x1": 0,
    "tiny_person": 0,
}


def folders() -> list[Path]:
    shared = shared_dir()
    wild = shared / "data" / "wild" / "labels" if shared else None
    return sorted(wild.iterdir()) if wild and wild.is_dir() else []


@pytest.mark.parametrize("folder", [*folders()] or [None], ids=lambda folder: folder.name if folder else "none")
def test_a_folder_of_labels(folder: Path | None) -> None:
    if folder is None:
        pytest.skip("needs the folders of labels (STM32POSE_DATA)")
    if folder.name in REFUSED:
        with pytest.raises(ImageError) as caught:
            [picture.id for picture in load_pictures(folder)]
        assert REFUSED[folder.name] in str(caught.value)
        assert str(folder) in str(caught.value)
        return
    pictures = load_pictures(folder)
    expected = NOTED.get(folder.name, ())
    assert len(pictures.notes) == len(expected), pictures.notes
    assert all(any(part in note for note in pictures.notes) for part in expected), pictures.notes
    picture = pictures[0]
    assert picture.pixels.dtype == np.uint8
    if folder.name == "folder":
        assert picture.truth is None
        return
    assert picture.truth is not None
    points, box = picture.truth.keypoints_px[0], picture.truth.boxes_px[0]
    if folder.name == "mpii16":
        assert (points.shape, pictures.label_skeleton) == ((16, 3), built_in("mpii16"))
        return
    if folder.name in OTHER_FIGURE:
        assert picture.pixels.shape == (120, 160, 3)
        np.testing.assert_allclose(points[[0, 12]], [[117.46, 19.24, 2], [94.71, 108.39, 2]])
        np.testing.assert_allclose(box, [86, 8, 62, 106])
        assert picture.truth.areas_px[0] == pytest.approx(2279)
        return
    count = FIRST_POINTS.get(folder.name, 17)
    first = 1 if folder.name == "null_keypoint" else 0
    np.testing.assert_allclose(points[first:count], figure()[first:count])
    if count == 17 and folder.name != "no_bbox":
        np.testing.assert_allclose(box, BOX * [WIDTH, HEIGHT, WIDTH, HEIGHT])
