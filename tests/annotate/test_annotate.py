"""annotate: files in, CSV out, by the whole engine in this process."""

import csv
import json
import os
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import onnx
import pytest

from api.annotate import Progress, _Session, annotate
from api.input_medium import read_medium
from api.items import Item
from api.outputs import find_inputs
from storage import jobs
from storage.database import Database, migrate, sqlite_url
from storage.errors import (
    Conflict,
    CorruptMedia,
    ModelContractError,
    OutputFailed,
)
from storage.exports import CSV_COLUMNS
from storage.jobs import create_job, new_job_id
from storage.labels import EXPRESSIONS
from storage.records import Detector, JobOptions, JobState, Scores
from storage.settings import Settings
from tests.storage.made_jobs import fail
from tests.vision.made_media import Recipe, moving_pictures, write_video
from tests.worker.clips import SEGMENT_TARGET_S, write_clip
from worker.engine import ENGINE_VERSION

SETTINGS = Settings.load(workers=1, segment_target_s=SEGMENT_TARGET_S)
FEW = JobOptions(sample_fps=4)

Annotate = Callable[..., list[Item]]


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A talking head of 40 frames."""
    return write_clip(tmp_path_factory.mktemp("clip") / "talk.mp4", frames=40)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def run(
    *paths: Path,
    out: Path,
    options: JobOptions = FEW,
    settings: Settings = SETTINGS,
    scores: Scores = Scores.RAW,
):
    return annotate(
        list(paths), out, options=options, settings=settings, show=lambda now: None, scores=scores
    )


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


def all_files(folder: Path) -> dict[str, bytes]:
    """Name and bytes of everything in a folder but the hidden state."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in files
        if ".affectline" not in file.parts
    }


@pytest.fixture(scope="module")
def annotated(tmp_path_factory: pytest.TempPathFactory, clip: Path) -> Path:
    """The output folder of a clip and a video without any face, every frame looked at."""
    folder = tmp_path_factory.mktemp("annotated")
    plain = write_video(folder / "plain.mp4", moving_pictures(5), Recipe())
    run(clip, plain, out=folder / "out", options=JobOptions())
    return folder / "out"


def test_every_frame_has_its_row_with_its_exact_time(annotated: Path) -> None:
    found = rows(annotated / "talk.csv")

    assert list(found[0]) == list(CSV_COLUMNS)
    times = {int(row["frame"]): row["time_s"] for row in found}
    assert times == {frame: f"{frame * 0.04:.6f}" for frame in range(40)}
    assert {row["track"] for row in found if row["face"]} == {"0"}


def test_faceless_frames_keep_their_place(annotated: Path) -> None:
    found = rows(annotated / "plain.csv")

    assert [(row["frame"], row["time_s"], row["face"]) for row in found] == [
        (str(frame), f"{frame * 0.04:.6f}", "") for frame in range(5)
    ]


def test_the_json_says_where_the_numbers_come_from(annotated: Path, clip: Path) -> None:
    facts = json.loads((annotated / "talk.json").read_text())

    assert facts["file"] == "talk.mp4"
    assert facts["size_bytes"] == clip.stat().st_size
    assert facts["media"]["frame_count"] == facts["counts"]["frames"] == 40
    assert (facts["media"]["width"], facts["media"]["height"]) == (176, 144)
    assert facts["options"] == {"detector": "mtcnn", "sample_fps": None, "detect_every": 8}
    assert facts["uncertain_below"] == 0.53
    assert len(facts["model_sha256"]) == len(facts["sha256"]) == 64
    assert {"affectline", "engine", "av", "onnxruntime"} <= set(facts["versions"])


def test_the_list_of_items_has_a_row_for_each_in_order(annotated: Path) -> None:
    found = rows(annotated / "items.csv")

    assert [Path(row["path"]).name for row in found] == ["talk.mp4", "plain.mp4"]
    assert [(row["state"], row["code"], row["frames"], row["seconds"]) for row in found] == [
        ("done", "", "40", "1.560000"),
        ("done", "", "5", "0.160000"),
    ]
    assert found[1]["frames_with_face"] == "0"
    assert list(found[0])[-1] == "timeline"
    assert [row["timeline"] for row in found] == ["talk.csv", "plain.csv"]


def test_the_list_of_items_tells_the_timelines_of_one_name_apart(
    clip: Path, tmp_path: Path, out: Path
) -> None:
    """Symptom: talk.mp4.csv and talk.mp4-2.csv, and nothing said which was whose."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "talk.mp4").write_bytes(clip.read_bytes())
    (tmp_path / "b" / "empty.mp4").touch()

    run(tmp_path / "a" / "talk.mp4", tmp_path / "b", out=out)

    timelines = {row["path"]: row["timeline"] for row in rows(out / "items.csv")}
    assert timelines == {
        f"{tmp_path}/a/talk.mp4": "talk.mp4.csv",
        f"{tmp_path}/b/empty.mp4": "",
        f"{tmp_path}/b/talk.mp4": "talk.mp4-2.csv",
    }
    assert {"talk.mp4.csv", "talk.mp4-2.csv"} <= set(all_files(out))


def test_the_list_of_items_of_an_earlier_version_is_written_over(tmp_path: Path, out: Path) -> None:
    out.mkdir()
    (out / "items.csv").write_text("path,sha256,state,code,frames,frames_with_face,seconds\n")

    run(tmp_path / "missing.mp4", out=out)

    assert [row["code"] for row in rows(out / "items.csv")] == ["path_not_found"]


def test_two_runs_write_the_same_bytes(clip: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        run(clip, out=tmp_path / name)

    files = all_files(tmp_path / "one")
    assert set(files) == {"talk.csv", "talk.json", "items.csv"}
    assert all_files(tmp_path / "two") == files


def test_any_number_of_workers_writes_the_same_bytes(
    clip: Path, tmp_path: Path, annotated: Path
) -> None:
    settings = SETTINGS.model_copy(update={"workers": 3, "segment_target_s": 0.01})

    run(clip, out=tmp_path, options=JobOptions(), settings=settings)

    assert (tmp_path / "talk.csv").read_bytes() == (annotated / "talk.csv").read_bytes()


def test_a_second_call_does_not_look_again(clip: Path, out: Path) -> None:
    run(clip, out=out)
    before = all_files(out)
    (out / "talk.csv").unlink()
    broken = SETTINGS.model_copy(update={"analyser_memory_bytes": 1})

    items = run(clip, out=out, settings=broken)

    assert [item.state for item in items] == ["done"]
    assert all_files(out) == before


def test_other_scores_are_written_without_looking_again(clip: Path, out: Path) -> None:
    run(clip, out=out)
    raw = rows(out / "talk.csv")
    assert json.loads((out / "talk.json").read_text())["scores"] == "raw"
    broken = SETTINGS.model_copy(update={"analyser_memory_bytes": 1})

    run(clip, out=out, settings=broken, scores=Scores.SMOOTHED)

    smoothed = rows(out / "talk.csv")
    assert json.loads((out / "talk.json").read_text())["scores"] == "smoothed"
    unlike = {
        name
        for old, new in zip(raw, smoothed, strict=True)
        for name in old
        if old[name] != new[name]
    }
    assert {"happy", "sad", "confidence"} <= unlike <= {*EXPRESSIONS, "emotion", "confidence"}
    sums = {
        round(sum(float(row[name]) for name in EXPRESSIONS), 4) for row in smoothed if row["face"]
    }
    assert sums == {1.0}


def test_other_options_look_again(clip: Path, out: Path) -> None:
    run(clip, out=out, options=FEW)
    few = (out / "talk.csv").read_bytes()

    run(clip, out=out, options=JobOptions(detector=Detector.HAAR, sample_fps=2))

    assert (out / "talk.csv").read_bytes() != few
    assert json.loads((out / "talk.json").read_text())["options"]["detector"] == "haar"


def test_a_detector_given_by_its_file_looks_again_when_the_file_is_another(
    clip: Path, out: Path, tmp_path: Path, yunet_file: Path
) -> None:
    network = onnx.load(str(yunet_file))
    network.doc_string = "the same in another file"
    onnx.save(network, str(tmp_path / "other.onnx"))
    engines = []
    for file in (yunet_file, tmp_path / "other.onnx"):
        settings = SETTINGS.model_copy(update={"yunet": file})
        options = settings.parse_options({"detector": "yunet", "sample_fps": "4"})

        run(clip, out=out, options=options, settings=settings)

        engines.append(json.loads((out / "talk.json").read_text())["versions"]["engine"])
        assert {row["face"] for row in rows(out / "talk.csv")} == {"0"}  # one in each frame

    assert engines[0].startswith(f"{ENGINE_VERSION}-yunet-")
    assert engines[0] != engines[1]


def test_a_changed_file_is_looked_at_again(clip: Path, tmp_path: Path, out: Path) -> None:
    file = write_video(tmp_path / "a.mp4", moving_pictures(5), Recipe())
    run(file, out=out)

    write_video(file, moving_pictures(9), Recipe())
    items = run(file, out=out, options=JobOptions())

    assert items[0].frames == 9


def write_bad_files(folder: Path) -> dict[str, str]:
    """Write files that can't be annotated. Returns name -> code."""
    contents = {
        "empty.mp4": (b"", "empty_file"),
        "text.mp4": (b"Dear diary, no pictures today.", "unsupported_media"),
        "sound.mp4": (b"ID3" + bytes(600), "no_video"),
        "broken.png": (b"\x89PNG\r\n\x1a\n" + bytes(600), "corrupt_media"),
    }
    for name, (content, _) in contents.items():
        (folder / name).write_bytes(content)
    return {name: code for name, (_, code) in contents.items()}


def test_bad_files_end_with_a_code_and_do_not_disturb_the_others(
    clip: Path, tmp_path: Path, out: Path
) -> None:
    codes = write_bad_files(tmp_path) | {"missing.mp4": "path_not_found"}

    items = run(*(tmp_path / name for name in codes), clip, out=out)

    assert [item.code for item in items] == [*codes.values(), ""]
    assert all(item.message for item in items[:-1])
    listed = rows(out / "items.csv")
    assert [row["state"] for row in listed] == ["failed"] * len(codes) + ["done"]
    assert set(all_files(out)) == {"talk.csv", "talk.json", "items.csv"}


def test_what_is_no_medium_in_a_folder_is_skipped(tmp_path: Path, out: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "notes.txt").write_text("about the clips")
    write_video(folder / "a.mp4", moving_pictures(3), Recipe())

    items = run(folder, out=out)

    assert [(item.state, item.code) for item in items] == [
        ("done", ""),
        ("skipped", "unsupported_media"),
    ]


def test_a_found_recording_whose_result_cannot_be_written_failed(tmp_path: Path, out: Path) -> None:
    """Symptom: a photograph without a suffix counted as skipped, exit status 0, because of the caller's own scan.csv."""
    (tmp_path / "in").mkdir()
    photograph = Recipe("png", "image2", pixel_format="rgb24")
    write_video(tmp_path / "a.png", moving_pictures(1), photograph).rename(tmp_path / "in" / "scan")
    out.mkdir()
    (out / "scan.csv").write_text("my own notes\n")

    items = run(tmp_path / "in", out=out)

    assert [(item.state, item.code) for item in items] == [("failed", "output_failed")]


def test_what_is_no_medium_is_skipped_whatever_its_name(tmp_path: Path, out: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "nothing").touch()
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.txt")).write_text("no pictures")

    items = run(folder, out=out)

    assert [(item.state, item.code) for item in items] == [
        ("skipped", "unsupported_media"),
        ("skipped", "empty_file"),
    ]


def test_an_empty_file_of_somebody_else_stays_when_the_recording_is_bad(
    tmp_path: Path, out: Path
) -> None:
    bad = tmp_path / "a.mp4"
    bad.write_bytes(b"")
    out.mkdir()
    (out / "a.csv").write_bytes(b"")

    run(bad, out=out)

    assert (out / "a.csv").exists()


def test_a_detector_whose_file_is_gone_harms_no_later_call(
    clip: Path, tmp_path: Path, out: Path, yunet_file: Path
) -> None:
    """Symptom: a job left open by a killed call ended every later one."""
    run(clip, out=out)
    database = Database(f"sqlite:///{out / '.affectline' / 'affectline.sqlite'}")
    other = tmp_path / "other.mp4"
    other.write_bytes(clip.read_bytes())
    create_job(
        database,
        new_job_id(),
        medium=read_medium(other)[0],
        options=JobOptions(detector=Detector.YUNET),
    )
    database.close()

    (item,) = run(clip, out=out, options=JobOptions(detector=Detector.HAAR, sample_fps=2))

    assert item.state == "done"


def test_a_skipped_file_costs_nobody_a_file_of_that_name(tmp_path: Path, out: Path) -> None:
    """Symptom: a folder with notes.txt removed the caller's own notes.csv from the output folder."""
    folder = tmp_path / "in"
    folder.mkdir()
    out.mkdir()
    (folder / "notes.txt").write_text("about the clips")
    (out / "notes.csv").write_text("mine")

    run(folder, out=out)

    assert (out / "notes.csv").read_text() == "mine"


@pytest.mark.parametrize("name", ["talk.csv", "talk.json"])
def test_somebody_elses_file_is_not_written_over(clip: Path, out: Path, name: str) -> None:
    """Symptom: `-o` beside the recordings replaced the caller's own talk.csv, a questionnaire."""
    out.mkdir()
    (out / name).write_text("name,score\nanna,7\n")

    (item,) = run(clip, out=out)

    assert (item.state, item.code) == ("failed", "output_failed")
    assert name in item.message and "choose another -o" in item.message
    assert (out / name).read_text() == "name,score\nanna,7\n"
    assert {file for file in all_files(out) if file.startswith("talk")} == {name}


def test_somebody_elses_list_of_items_stops_the_call(clip: Path, out: Path) -> None:
    out.mkdir()
    (out / "items.csv").write_text("item,price\n")

    with pytest.raises(OutputFailed, match=r"items\.csv"):
        run(clip, out=out)

    assert (out / "items.csv").read_text() == "item,price\n"


def test_files_of_an_earlier_version_and_empty_ones_are_written_over(clip: Path, out: Path) -> None:
    run(clip, out=out)
    today = all_files(out)
    fewer = [row.rpartition(",")[0] for row in (out / "talk.csv").read_text().splitlines()]
    (out / "talk.csv").write_text("\n".join(fewer))
    (out / "talk.json").write_text("")

    run(clip, out=out)

    assert all_files(out) == today


@pytest.mark.parametrize("again", [FEW, JobOptions()], ids=["same options", "other options"])
def test_a_finished_timeline_outlives_its_recording(
    tmp_path: Path, out: Path, again: JobOptions
) -> None:
    """Symptom: a drive that was not mounted, and the timelines of all its recordings were removed without a word."""
    file = write_video(tmp_path / "a.mp4", moving_pictures(3), Recipe())
    run(file, out=out)
    finished = {name: text for name, text in all_files(out).items() if name != "items.csv"}
    file.rename(tmp_path / "elsewhere.mp4")

    (item,) = run(file, out=out, options=again)

    assert (item.state, item.code) == ("failed", "path_not_found")
    assert [row["code"] for row in rows(out / "items.csv")] == ["path_not_found"]
    assert {name: text for name, text in all_files(out).items() if name != "items.csv"} == finished


def test_a_finished_timeline_outlives_a_failure_on_the_same_recording(
    tmp_path: Path, out: Path
) -> None:
    file = write_video(tmp_path / "a.mp4", moving_pictures(3), Recipe())
    run(file, out=out)
    finished = all_files(out)
    broken = SETTINGS.model_copy(update={"analyser_memory_bytes": 1})

    (item,) = run(file, out=out, options=JobOptions(), settings=broken)

    assert item.state == "failed" and item.code.startswith("analyser_")
    assert (out / "a.csv").read_bytes() == finished["a.csv"]
    assert (out / "a.json").read_bytes() == finished["a.json"]


def test_files_of_an_earlier_call_go_when_the_file_turns_bad(tmp_path: Path, out: Path) -> None:
    file = write_video(tmp_path / "a.mp4", moving_pictures(3), Recipe())
    run(file, out=out)

    file.write_bytes(b"")
    run(file, out=out)

    assert set(all_files(out)) == {"items.csv"}


def test_the_same_file_given_twice_is_written_and_listed_once(clip: Path, out: Path) -> None:
    """Symptom: `annotate talk.mp4 .` wrote the same timeline twice, as talk.mp4.csv and talk.mp4-2.csv."""
    items = run(clip, clip.parent, out=out)

    assert [item.state for item in items] == ["done"]
    assert set(all_files(out)) == {"talk.csv", "talk.json", "items.csv"}
    assert len(rows(out / "items.csv")) == 1


def test_a_bad_file_that_two_inputs_lead_to_is_one_job(tmp_path: Path, out: Path) -> None:
    """Symptom: the second one removed the job that the first still waited for: job_not_found."""
    file = write_video(tmp_path / "a.mp4", moving_pictures(2), Recipe())
    link = tmp_path / "b.mp4"
    link.symlink_to("elsewhere.mp4")
    database = Database(f"sqlite:///{tmp_path / 'affectline.sqlite'}")
    migrate(database)
    inputs = find_inputs([file, link], folder=out)
    link.unlink()
    link.symlink_to(file)
    session = _Session(inputs, out, FEW, Scores.RAW, database, SETTINGS)

    session._take_in(0)
    fail(database, CorruptMedia())
    session._take_in(1)

    assert session._open[0] == session._open[1]
    assert jobs.get_job(database, session._open[0]).state is JobState.FAILED
    database.close()


def test_names_are_no_formulas_in_the_list_of_items(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = '=HYPERLINK(1),"x"\n.mp4'
    write_video(tmp_path / "a.mp4", moving_pictures(2), Recipe()).rename(tmp_path / name)

    run(Path(name), out=out)

    assert [row["path"] for row in rows(out / "items.csv")] == [f"'{name}"]
    assert (out / '=HYPERLINK(1),"x"\n.csv').exists()


def test_a_name_that_is_no_text_ends_with_a_code(tmp_path: Path, out: Path) -> None:
    """Symptom: one such name of an old archive ended the whole call with UnicodeEncodeError."""
    file = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4"))
    write_video(tmp_path / "a.mp4", moving_pictures(2), Recipe()).rename(file)

    items = run(file, out=out)

    assert [item.code for item in items] == ["invalid_input"]
    assert rows(out / "items.csv")[0]["path"].endswith("caf\\udce9.mp4")


@pytest.mark.timeout(60)
def test_a_pipe_is_not_waited_for(tmp_path: Path, out: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "loop.mp4").symlink_to("loop.mp4")

    items = run(tmp_path, out=out)

    assert [item.code for item in items] == ["path_not_found"] * 2


def test_no_input_at_all_is_an_empty_list(tmp_path: Path, out: Path) -> None:
    (tmp_path / "in").mkdir()

    assert run(tmp_path / "in", out=out) == []
    assert rows(out / "items.csv") == []


def test_a_still_image_is_a_timeline_of_one_frame(tmp_path: Path, out: Path) -> None:
    file = write_video(
        tmp_path / "a.png", moving_pictures(1), Recipe("png", "image2", pixel_format="rgb24")
    )

    items = run(file, out=out)

    assert [(item.state, item.frames, item.seconds) for item in items] == [("done", 1, "0.000000")]


def test_a_folder_that_cannot_be_made_is_an_error_of_the_call(tmp_path: Path, clip: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(OutputFailed, match="can't be written to"):
        run(clip, out=tmp_path / "file" / "out")


def test_a_missing_model_is_an_error_of_the_installation(clip: Path, out: Path) -> None:
    settings = SETTINGS.model_copy(update={"model": Path("/nowhere.onnx")})

    with pytest.raises(ModelContractError, match=r"nowhere\.onnx"):
        run(clip, out=out, settings=settings)


def test_a_second_annotate_in_the_same_folder_is_refused(clip: Path, out: Path) -> None:
    refused: list[Conflict] = []

    def try_another(_now: Progress) -> None:
        if not refused:
            with pytest.raises(Conflict, match="another annotate is at work") as caught:
                run(clip, out=out)
            refused.append(caught.value)

    items = annotate([clip], out, options=FEW, settings=SETTINGS, show=try_another)

    assert refused
    assert [item.state for item in items] == ["done"]


def test_progress_is_shown_up_to_the_end(clip: Path, out: Path) -> None:
    shown: list[Progress] = []

    annotate([clip], out, options=FEW, settings=SETTINGS, show=shown.append)

    assert (shown[-1].items_done, shown[-1].items_total) == (1, 1)
    assert all(one.items_done <= other.items_done for one, other in pairwise(shown))


def test_an_error_of_a_worker_thread_reaches_the_caller(
    clip: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: object) -> jobs.JobView:
        raise ZeroDivisionError

    monkeypatch.setattr("api.worker_threads.work_next", break_down)

    with pytest.raises(ZeroDivisionError):
        run(clip, out=out)

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("worker-")]


def test_files_of_others_stay_whatever_becomes_of_the_input(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("my,own,table\n")
    (tmp_path / "data.json").write_text('{"my": "own"}')

    items = run(tmp_path / "data.mp4", out=tmp_path)

    assert [item.code for item in items] == ["path_not_found"]
    assert (tmp_path / "data.csv").read_text() == "my,own,table\n"
    assert (tmp_path / "data.json").read_text() == '{"my": "own"}'


def test_a_name_too_long_for_its_output_ends_with_a_code(
    clip: Path, tmp_path: Path, out: Path
) -> None:
    longest = tmp_path / f"{'n' * 251}.mp4"  # 255 bytes; with .json it would have one more
    longest.write_bytes(clip.read_bytes())

    items = run(longest, clip, out=out)

    assert [(item.state, item.code) for item in items] == [
        ("failed", "output_failed"),
        ("done", ""),
    ]


def fill_the_disk(out: Path, draft: str) -> None:
    """Let the next draft of that name meet a full disk."""
    (out / ".affectline").mkdir(parents=True, exist_ok=True)
    (out / ".affectline" / draft).symlink_to("/dev/full")


@pytest.mark.parametrize("draft", ["draft-0", "draft-1"], ids=["timeline", "provenance"])
def test_a_disk_that_is_full_costs_a_timeline_and_not_the_list_of_items(
    clip: Path, out: Path, draft: str
) -> None:
    fill_the_disk(out, draft)

    (item,) = run(clip, out=out)

    assert (item.state, item.code) == ("failed", "output_failed")
    assert "talk.csv" in item.message and "No space left" in item.message
    assert set(all_files(out)) == {"items.csv"}
    assert [row["code"] for row in rows(out / "items.csv")] == ["output_failed"]


def test_a_disk_that_is_full_leaves_timeline_and_provenance_as_they_were(
    clip: Path, out: Path
) -> None:
    """Symptom: the timeline was new, and the JSON beside it told of other scores."""
    run(clip, out=out)
    before = all_files(out)
    fill_the_disk(out, "draft-1")

    (item,) = run(clip, out=out, scores=Scores.SMOOTHED)

    assert item.code == "output_failed"
    after = all_files(out)
    assert (after["talk.csv"], after["talk.json"]) == (before["talk.csv"], before["talk.json"])


def test_a_disk_that_is_full_at_the_end_is_an_error_with_a_code(tmp_path: Path, out: Path) -> None:
    """Symptom: a traceback, and no list of items."""
    fill_the_disk(out, "draft-0")

    with pytest.raises(OutputFailed, match=r"items\.csv can't be written: No space left"):
        run(tmp_path / "missing.mp4", out=out)


def test_any_character_may_stand_in_the_name_of_the_output_folder(
    clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "why? 100%#1"

    items = run(clip, out=out)

    assert [item.state for item in items] == ["done"]
    assert {path.name for path in tmp_path.iterdir()} == {out.name}


def test_what_an_earlier_call_left_behind_waits_until_it_is_asked_for_again(
    clip: Path, tmp_path: Path, out: Path
) -> None:
    """Symptom: one picture took hours, because a folder of films that had been stopped was worked off first."""
    left = write_video(tmp_path / "left.mp4", moving_pictures(5), Recipe())
    (out / ".affectline").mkdir(parents=True)
    database = Database(sqlite_url(out / ".affectline" / "affectline.sqlite"))
    migrate(database)
    create_job(database, new_job_id(), medium=read_medium(left)[0], options=JobOptions())

    run(clip, out=out)

    assert [job.state for job in jobs.list_jobs(database)] == [JobState.DONE, JobState.CANCELLED]
    assert not (out / "left.csv").exists()

    items = run(left, out=out, options=JobOptions())

    assert [(item.state, item.frames) for item in items] == [("done", 5)]
    assert [job.state for job in jobs.list_jobs(database)] == [JobState.DONE, JobState.DONE]
    database.close()
