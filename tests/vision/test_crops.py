"""Crops: squares about the box's centre, whatever the box."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.vision.boxes import FaceBoxes, pixel_boxes, reading_order
from worker.vision.crops import CropSpec, ShapeError, crop_faces, expand_range

SPEC = CropSpec(scale=1.0)
edges = st.floats(-3000, 3000, width=32)
boxes = st.tuples(edges, edges, edges, edges)


def box(*values: float) -> np.ndarray:
    return np.array([values], np.float32)


def gradient(width: int = 200, height: int = 150) -> np.ndarray:
    return np.add.outer(np.arange(height) // 2, np.arange(width) // 2).astype(np.uint8)


def test_no_boxes_give_an_empty_array() -> None:
    assert crop_faces(gradient(), np.zeros((0, 4), np.float32), SPEC).shape == (0, 48, 48, 1)


def test_square_of_the_classifiers_size_is_cut_out_unchanged() -> None:
    luma = gradient()

    (crop,) = crop_faces(luma, box(30, 20, 78, 68), SPEC)

    assert np.array_equal(crop[:, :, 0], luma[20:68, 30:78])


def test_side_is_measured_by_the_height_of_the_box() -> None:
    """An MTCNN box is narrower than the face's frame: its width says little."""
    luma = gradient()

    narrow = crop_faces(luma, box(40, 20, 68, 68), SPEC)

    assert np.array_equal(narrow, crop_faces(luma, box(30, 20, 78, 68), SPEC))


def test_scale_widens_the_square_about_the_same_centre() -> None:
    luma = gradient()

    (crop,) = crop_faces(luma, box(42, 32, 66, 56), CropSpec(scale=2.0))

    assert np.array_equal(crop[:, :, 0], luma[20:68, 30:78])


def test_border_is_repeated_where_the_square_leaves_the_picture() -> None:
    luma = gradient()

    (crop,) = crop_faces(luma, box(-24, -24, 24, 24), SPEC)

    assert np.array_equal(crop[24:, 24:, 0], luma[:24, :24])
    assert (crop[:24, :24, 0] == luma[0, 0]).all()
    assert np.array_equal(crop[0, 24:, 0], luma[0, :24])


@settings(deadline=None)
@given(boxes, st.integers(1, 60), st.integers(1, 60), st.booleans())
def test_any_box_gives_a_finite_crop_within_range(
    corners: tuple[float, float, float, float], width: int, height: int, limited: bool
) -> None:
    luma = gradient(width, height)

    crop = crop_faces(luma, box(*corners), SPEC, limited_range=limited)

    assert crop.shape == (1, 48, 48, 1)
    assert crop.dtype == np.float32
    assert np.isfinite(crop).all()
    assert crop.min() >= 0
    assert crop.max() <= 255


@settings(deadline=None)
@given(boxes)
def test_flat_picture_gives_flat_crops_wherever_the_box_lies(
    corners: tuple[float, float, float, float],
) -> None:
    luma = np.full((40, 60), 77, np.uint8)

    assert (crop_faces(luma, box(*corners), SPEC) == 77).all()


def test_crop_of_one_face_does_not_depend_on_the_others() -> None:
    luma = gradient()
    some = np.array([[-20, 5, 60, 90], [30, 20, 78, 68], [100, 100, 260, 260]], np.float32)

    together = crop_faces(luma, some, SPEC)

    for index in range(3):
        assert np.array_equal(together[index], crop_faces(luma, some[index : index + 1], SPEC)[0])


def test_turned_view_is_cropped_like_its_copy() -> None:
    """Rotated video arrives as a view with negative strides."""
    turned = np.rot90(gradient())

    crops = crop_faces(turned, box(10, 10, 100, 100), SPEC)

    assert np.array_equal(crops, crop_faces(turned.copy(), box(10, 10, 100, 100), SPEC))


def test_limited_range_is_stretched_to_full() -> None:
    assert expand_range(np.array([0, 16, 126, 235, 255], np.uint8)).tolist() == pytest.approx(
        [0, 0, 128.0822, 255, 255]
    )


def test_crops_of_limited_range_luma_are_full_range() -> None:
    luma = gradient()

    crops = crop_faces(luma, box(30, 20, 78, 68), SPEC, limited_range=True)

    assert np.array_equal(crops[0, :, :, 0], expand_range(luma[20:68, 30:78]))


@pytest.mark.parametrize(
    "luma",
    [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.float32), np.zeros((0, 4), np.uint8)],
    ids=["colour", "float", "empty"],
)
def test_anything_but_a_brightness_picture_is_refused(luma: np.ndarray) -> None:
    with pytest.raises(ShapeError, match="expected"):
        crop_faces(luma, box(0, 0, 2, 2), SPEC)


@given(st.lists(boxes, max_size=20), st.integers(1, 500), st.integers(1, 500))
def test_pixel_boxes_lie_in_the_picture_and_hold_a_pixel(
    corners: list[tuple[float, float, float, float]], width: int, height: int
) -> None:
    found = pixel_boxes(np.array(corners, np.float32).reshape(-1, 4), width=width, height=height)

    x, y, w, h = found.T
    assert (x >= 0).all()
    assert (y >= 0).all()
    assert (w >= 1).all()
    assert (h >= 1).all()
    assert (x + w <= width).all()
    assert (y + h <= height).all()


def test_pixel_boxes_round_half_up() -> None:
    assert pixel_boxes(box(0.5, 1.49, 10.5, 11.5), width=99, height=99).tolist() == [[1, 1, 10, 11]]


def test_faces_are_read_left_to_right_then_top_to_bottom() -> None:
    xywh = np.array([[5, 9, 2, 2], [5, 1, 3, 2], [1, 50, 2, 2], [5, 1, 2, 9]])

    assert reading_order(xywh).tolist() == [2, 3, 1, 0]


def test_face_boxes_refuse_arrays_that_do_not_belong_together() -> None:
    with pytest.raises(ValueError, match="expected"):
        FaceBoxes(np.zeros((2, 4), np.float32), np.zeros(3, np.float32))
