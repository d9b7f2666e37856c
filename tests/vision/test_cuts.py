"""Cuts between shots: found whatever the brightness does, and marked on the frame that begins the new shot."""

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter

from tests.vision.fake_detector import flat
from tests.vision.made_media import Picture, astronaut, talking_head
from worker.vision.cuts import is_cut, thumbnail, with_cuts
from worker.vision.frames import Frame

HEAD = talking_head(12)
OTHER = astronaut()[100:244, 100:276]


def cut_between(before: Picture, after: Picture) -> bool:
    return is_cut(thumbnail(before[:, :, 1]), thumbnail(after[:, :, 1]))


def test_another_scene_is_a_cut() -> None:
    assert cut_between(HEAD[0], OTHER)


def test_moving_head_is_no_cut() -> None:
    assert not any(cut_between(before, after) for before in HEAD for after in HEAD)


@pytest.mark.parametrize("brightness", [0.3, 1.8], ids=["fade", "flash"])
def test_change_of_brightness_is_no_cut(brightness: float) -> None:
    lit = np.clip(HEAD[0] * brightness, 0, 255).astype(np.uint8)

    assert not cut_between(HEAD[0], lit)


def test_black_after_a_scene_is_a_cut() -> None:
    assert cut_between(HEAD[0], flat(0, width=176, height=144))


def test_pictures_of_another_size_are_a_cut() -> None:
    assert cut_between(HEAD[0], HEAD[0][:100])


def test_one_pixel_is_enough() -> None:
    assert not cut_between(HEAD[0][:1, :1], HEAD[1][:1, :1])


def test_frame_that_begins_a_shot_is_marked() -> None:
    pictures = [*HEAD[:3], OTHER, OTHER, HEAD[4]]
    scaler = VideoReformatter()
    frames = (
        Frame(index, 0, av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24"), scaler)
        for index, picture in enumerate(pictures)
    )

    assert [shown.begins_shot for shown in with_cuts(frames)] == [0, 0, 0, 1, 0, 1]
