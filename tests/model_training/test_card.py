"""The card's figures come from results, and the committed card says what the committed results say."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from model_training import adjustment, card, evaluate, robustness, tables
from model_training.card import SECTIONS, fill, make_section
from model_training.report import rounded
from storage.errors import InputError
from storage.labels import EXPRESSIONS
from tests.model_training.fake_faces import draw_faces, write_npz
from tests.model_training.lit_model import lit_faces, write_lit_model

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "model"
SHIPPED_CARD = ROOT / "worker" / "models" / "README.md"
PICTURES = ("confusion", "recall", "reliability", "robustness", "selective")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the commands say of a model that reads five of six faces rightly, and of itself once more."""
    folder = tmp_path_factory.mktemp("results")
    faces = lit_faces([3, 3, 4, 5, 6, 0], [3, 3, 4, 5, 6, 3])
    data = write_npz(faces, folder / "test")
    training = write_npz(draw_faces([0, 1]), folder / "train")
    metadata = {
        "seed": "1",
        "settings": json.dumps({"schedule": {"validation_fraction": 0.1}}),
        "data": json.dumps(
            {
                "validation": {"source": "test.npz", "classes": faces.class_counts()},
                "training": {"classes": faces.class_counts()},
            }
        ),
        "temperature": "0.8",
        "noise_floor": "0.05",
        "uncertain_below": "0.5",
    }  # fmt: skip
    model = str(write_lit_model(folder / "lit.onnx", metadata))
    options = ["--model", model, "--data", str(data)]
    with pytest.MonkeyPatch.context() as patch:
        printed: list[str] = []
        patch.setattr("builtins.print", lambda text, **_: printed.append(text))
        for name in ("seed", "lit"):
            assert (
                evaluate.main([*options, "--name", name, "--without-copies-of", str(training)]) == 0
            )
        here = ["--held-back", "--speed", "--name", "of 7 bits"]
        assert evaluate.main([*options, *here]) == 0
        assert robustness.main(options) == 0
        assert adjustment.main([*options, "--out", str(folder / "adjustment.json")]) == 0
    seed, shipped, held_back, robust, _ = printed
    for part, text in (("models", seed), ("quantization", seed), ("without_vnni", held_back)):
        (folder / part).mkdir()
        (folder / part / "1_seed.json").write_text(text)
    (folder / "shipped.json").write_text(shipped)
    (folder / "robustness.json").write_text(robust)
    return folder


@pytest.mark.parametrize("name", SECTIONS)
def test_every_section_is_made_of_what_the_commands_print(name: str, results: Path):
    text = make_section(name, results)

    assert text == text.strip()
    assert not re.search(r"None|nan|\{", text)


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("claim", ["the same label as the data set for 83.3 %"]),
        ("file", ["| Version |", "a temperature of 0.8000 and a noise floor of 0.05 |"]),
        ("scores", ["| Images | 6 | 6 |", "without the 0 whose exact pixels"]),
        ("expressions", ["| happy | 2 | 1.00 | 1.00 to 1.00 | 0.67 | 1.00 |", "| fear | 0 |  |  |  |  |"]),
        ("confusion", ["| **angry** | 0 | 0 | 0 | 1 | 0 | 0 | 0 |", "angry taken for happy (1)"]),
        ("confidence", ["uncertain below 0.50**", "temperature of 0.8000 and a noise floor of 0.05, takes"]),
        ("models", ["|  | seed | **shipped** |", "| Accuracy | 0.8333 | 0.8333 |"]),
        ("without_vnni", ["| of 7 bits | 0.8333 | ", "6 faces that training held back; the weights of "]),
        ("robustness", ["0 %: **0.833**", "Undisturbed: 0.833, 6 images."]),
        ("adjustment", ["| 0.0 | 0.8333 |", "6 faces that training held back"]),
    ],
)  # fmt: skip
def test_a_section_has_its_figures(name: str, lines: list[str], results: Path):
    text = make_section(name, results)

    assert [line for line in lines if line not in text] == []


def test_no_figure_is_rounded_twice(results: Path):
    """Symptom: 70.35 % were 70.3 in one place and 70.4 in another."""
    report = json.loads((results / "shipped.json").read_text())

    assert "for 70.4 % (" in tables.claim(report | {"accuracy": rounded(2513 / 3572)})


def test_an_adjustment_in_the_graph_is_told(results: Path):
    report = json.loads((results / "shipped.json").read_text())

    assert "noise floor of 0.05; a logit adjustment of 0.3 |" in tables.file(
        report | {"logit_adjustment": 0.3}
    )


def test_only_what_stands_between_the_marks_is_replaced(results: Path):
    before = "# Card\n<!-- card:claim -->\nold\n<!-- /card:claim -->\nend\n"

    after = fill(before, results)

    claim = make_section("claim", results)
    assert after == f"# Card\n<!-- card:claim -->\n{claim}\n<!-- /card:claim -->\nend\n"
    assert fill(after, results) == after


def test_a_card_that_says_otherwise_fails_the_check_and_stays(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "README.md"
    path.write_text("<!-- card:claim -->\nold\n<!-- /card:claim -->\n")
    options = ["--results", str(results), "--card", str(path)]

    assert card.main([*options, "--check"]) == 2
    assert "old" in path.read_text()
    assert card.main(options) == 0
    assert card.main([*options, "--check"]) == 0

    assert "expected the figures of" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# Card", "expected a card with sections"),
        ("<!-- card:claim -->\n", "expected <!-- /card:claim --> after its beginning"),
        ("<!-- card:price -->\n<!-- /card:price -->", "expected a section among claim, .*'price'"),
    ],
    ids=["no section", "no end", "no such section"],
)
def test_a_card_that_cannot_be_filled_is_refused(text: str, message: str, results: Path):
    with pytest.raises(InputError, match=message):
        fill(text, results)


@pytest.mark.parametrize("name", ["claim", "models"])
def test_results_that_are_not_there_are_named(name: str, tmp_path: Path):
    with pytest.raises(InputError, match="expected JSON"):
        make_section(name, tmp_path)


def test_the_committed_results_are_those_of_the_shipped_model():
    model = (ROOT / "worker" / "models" / "expression.onnx").read_bytes()

    for name in ("shipped", "robustness"):
        report = json.loads((RESULTS / f"{name}.json").read_text())
        assert report["sha256"] == hashlib.sha256(model).hexdigest(), name


@pytest.mark.parametrize("card", [SHIPPED_CARD, ROOT / "README.md"], ids=["card", "README"])
def test_the_committed_figures_are_those_of_the_results(card: Path):
    text = card.read_text("utf-8")

    assert fill(text, RESULTS) == text


@pytest.mark.parametrize("name", PICTURES)
def test_the_cards_pictures_are_small(name: str):
    picture = (RESULTS / f"{name}.png").read_bytes()

    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 80_000


def test_the_matrix_is_one_the_page_can_read():
    rows = re.findall(
        r"^\| \*\*(\w+)\*\* \|(?: \d+ \|){7}$", make_section("confusion", RESULTS), re.M
    )

    assert tuple(rows) == EXPRESSIONS
