"""Training computes in half precision only where that is fast: elsewhere it takes ten times as long."""

from pathlib import Path

import pytest
import tensorflow as tf

from model_training import precision
from model_training.precision import computes_bfloat16
from model_training.train_options import choose_recipe, parse_arguments


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("model name\t: AMD EPYC\nflags\t\t: fpu avx2 avx512f avx512_bf16 amd_ibs\n", True),
        ("flags\t\t: fpu avx512f amx_bf16\n", True),
        ("Features\t: fp asimd i8mm bf16\n", True),
        ("flags\t\t: fpu avx2 avx512f avx512_bf16_soon\n", False),
        ("flags\t\t: fpu avx avx2 fma\nbugs\t\t: bf16\n", False),
        ("", False),
    ],
)
def test_a_processor_computes_bfloat16_if_its_flags_name_the_instructions(
    said: str, expected: bool, tmp_path: Path
):
    (tmp_path / "cpuinfo").write_text(said)

    assert computes_bfloat16(tmp_path / "cpuinfo") is expected


def test_where_the_system_says_nothing_of_its_processor_it_has_none(tmp_path: Path):
    assert not computes_bfloat16(tmp_path / "cpuinfo")


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ({"compute_capability": (8, 0)}, True),
        ({"compute_capability": (7, 5)}, False),
        ({"device_name": "METAL"}, False),
    ],
)
def test_a_gpu_computes_bfloat16_from_ampere_on(
    details: dict[str, object], expected: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda device: details)

    assert computes_bfloat16(tmp_path / "cpuinfo") is expected


def _computes_in_bfloat16(*options: str) -> bool:
    return choose_recipe(
        parse_arguments(["--data", "x", "--out", "y", *options])
    ).schedule.mixed_precision


@pytest.mark.parametrize(
    ("options", "fast", "slow"),
    [
        (["--recipe", "compact"], True, False),
        (["--recipe", "finetune"], False, False),
        (["--recipe", "compact", "--precision", "bfloat16"], True, True),
        (["--recipe", "compact", "--precision", "float32"], False, False),
        (["--recipe", "finetune", "--precision", "bfloat16"], True, True),
    ],
)
def test_the_recipe_the_machine_and_the_user_decide_on_precision(
    options: list[str], fast: bool, slow: bool, monkeypatch: pytest.MonkeyPatch
):
    """fast: on a machine that has the instructions.  slow: on one that has not."""
    for has_instructions, expected in ((True, fast), (False, slow)):
        monkeypatch.setattr(precision, "computes_bfloat16", lambda has=has_instructions: has)
        assert _computes_in_bfloat16(*options) is expected


def test_a_run_that_leaves_half_precision_out_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(precision, "computes_bfloat16", lambda: False)

    _computes_in_bfloat16("--recipe", "compact")

    assert (
        "computing in float32: this machine is not known to have instructions"
        in capsys.readouterr().out
    )
