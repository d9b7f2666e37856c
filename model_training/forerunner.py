"""The run whose weights another one begins with: whether it has learned from faces that this one holds back."""

from pathlib import Path

from model_training.heldback import held_back_part, may_be_same, was_cut
from model_training.runs import META, PartMeta, RunMeta, as_metadata, held_back_by, read_meta
from storage.errors import InputError


def check_held_back(start_from: Path, meta: RunMeta, *, data: Path) -> None:
    """Raise InputError if weights have been trained on faces that the run of meta holds back: it would measure too much.

    start_from: the weights, in the folder of their run; without its meta.json nothing can be told.  data: the --data of
    the run of meta.
    """
    if not (start_from.parent / META).is_file():
        return
    begun = read_meta(start_from.parent)
    (had, had_seed), (part, seed) = held_back_by(begun), held_back_by(meta)
    if had != part and not _may_be_cut_off(part, begun, meta):
        raise InputError(
            f"--start-from {start_from}: expected weights of a run that held the same faces back, or more; "
            f"it held back {had}, this one {part}"
        )
    if had_seed != seed:
        raise InputError(
            f"--seed: expected {had_seed}, as in the run that --start-from {start_from} comes from, got "
            f"{seed}, which holds other faces back; these weights have been trained on most of them. "
            f"For another seed with the same faces held back add --cut-seed {had_seed}"
        )
    _check_same_order(start_from, begun, meta, data=data)


def _check_same_order(start_from: Path, begun: RunMeta, meta: RunMeta, *, data: Path) -> None:
    """Raise InputError if the earlier run held other faces back, though as many: of the same data in another order."""
    had = begun["validation"]
    if may_be_same(had, meta["validation"]):
        return
    if not was_cut(had):
        raise InputError(
            f"--start-from {start_from}: expected weights of a run that held the same faces back, it held others back, if "
            "as many of each expression; give the --validation it was given"
        )
    try:
        held_back_part(data, as_metadata(begun))  # a smaller share lies within it
    except InputError as error:
        raise InputError(f"--start-from {start_from}: {error}") from None


def _may_be_cut_off(part: PartMeta, begun: RunMeta, meta: RunMeta) -> bool:
    """Tell whether a part is within what another run cut off the same data: a smaller share, by the same seed, is."""
    had = begun["validation"]
    return (
        was_cut(part)
        and part["source"] == had["source"]
        and _all_classes(begun) == _all_classes(meta)
        and all(part["classes"][name] <= n for name, n in had["classes"].items())
    )


def _all_classes(meta: RunMeta) -> dict[str, int]:
    """Return how many images of each expression a run had, held back or not."""
    held_back = meta["validation"]["classes"]
    return {name: n + held_back[name] for name, n in meta["training"]["classes"].items()}
