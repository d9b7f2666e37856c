"""In which numbers a machine trains fast: in half precision only where it has instructions for that."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import tensorflow as tf

from model_training.recipes import Annealing

BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""What Linux calls the instructions, on x86 and (the last) on ARM."""
OLDEST_GPU = (8, 0)
"""NVIDIA's compute capability from which on a GPU has them (Ampere)."""
BFLOAT16 = "bfloat16"
PRECISIONS = (BFLOAT16, "float32")
"""What --precision takes."""


def choose_precision(schedule: Annealing, asked: str | None) -> bool:
    """Tell whether to compute in bfloat16: if it was asked for, else where the recipe and the machine are fast in it."""
    if asked is not None:
        return asked == BFLOAT16
    if schedule.mixed_precision and not computes_bfloat16():
        print(
            "computing in float32: this machine is not known to have instructions for bfloat16 (--precision bfloat16 "
            "if it has)",
            flush=True,
        )
        return False
    return schedule.mixed_precision


def computes_bfloat16(processor: Path = Path("/proc/cpuinfo")) -> bool:
    """Tell whether there is a GPU, or a processor, with instructions for bfloat16; no where the system does not say.

    Without them each number is converted there and back: a step of the compact network takes ten times as long as in float32.
    processor: what Linux writes of it.
    """
    for device in tf.config.list_physical_devices("GPU"):
        details = tf.config.experimental.get_device_details(device)
        if details.get("compute_capability", (0, 0)) >= OLDEST_GPU:
            return True
    try:
        lines = processor.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    flags = (line.partition(":") for line in lines)
    return any(
        name.strip() in ("flags", "Features") and BFLOAT16_FLAGS & set(values.split())
        for name, _, values in flags
    )


@contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Build layers under a dtype policy, and restore the one before."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
