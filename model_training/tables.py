"""Markdown for a model card, made of the JSON that evaluate, robustness and adjustment print.

Every function takes such an object (or a list of several) and returns text without a line break at its
end. A figure that does not exist is an empty cell.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from model_training.trials import TRIALS, as_level
from storage.labels import EXPRESSIONS

Json = dict[str, Any]

FREQUENT = 4
"""So many confusions are named below the matrix."""


def claim(report: Json) -> str:
    """Return what a README says of the model, in one sentence."""
    low, high = report["accuracy_ci95"]
    recall = {
        name: share for name, share in report["per_class_recall"].items() if share is not None
    }
    best, worst = max(recall, key=recall.__getitem__), min(recall, key=recall.__getitem__)
    return (
        f"On {report['n']:,} pictures of FER-2013's public test the shipped model gives the same label "
        f"as the data set for {100 * report['accuracy']:.1f} % (95 % interval {100 * low:.1f} to "
        f"{100 * high:.1f}); it finds most of the faces labelled {best} ({100 * recall[best]:.0f} %) "
        f"and least of those labelled {worst} ({100 * recall[worst]:.0f} %)."
    )


def file(report: Json) -> str:
    """Return which file it is, and what stands in its graph beside the network."""
    inside = "rescaling by 1/255"
    if report["calibration"]:
        inside += f"; {_calibration(report['calibration'])}"
    if report["logit_adjustment"]:
        inside += f"; a logit adjustment of {report['logit_adjustment']:g}"
    rows = [
        ["Version", report["version"] or ""],
        ["Size", f"{report['bytes']:,} bytes"],
        ["SHA-256", f"`{report['sha256']}`"],
        ["Inside the graph", inside],
    ]
    return _table(["File", report["model"]], rows)


def scores(report: Json) -> str:
    """Return the scores over all images, over those training has not seen, and against FER+."""
    alone, plus = report.get("without_copies") or {}, report.get("ferplus") or {}
    columns = ["", "all images"]
    reports = [report]
    if alone:
        columns.append(
            f"without the {alone['copies']} whose exact pixels also stand in the training split"
        )
        reports.append(alone)
    rows = [
        ["Images", *(f"{one['n']:,}" for one in reports)],
        ["Accuracy", *(_with_interval(one, "accuracy") for one in reports)],
        ["Macro F1", *(_with_interval(one, "macro_f1") for one in reports)],
        ["Balanced accuracy", *(_with_interval(one, "balanced_accuracy") for one in reports)],
        ["Calibration error (ECE, 15 bins)", *(_figure(one["ece"]) for one in reports)],
        ["The same if every confidence were exact", *(_figure(one["ece_by_chance"]) for one in reports)],
        ["Negative log-likelihood", *(_figure(one["nll"]) for one in reports)],
    ]  # fmt: skip
    text = _table(columns, rows)
    if plus:
        text += (
            f"\n\nAgainst the majority of ten FER+ annotators, on the {plus['n']:,} images that have one "
            f"for one of the seven: **{_with_interval(plus, 'accuracy')}**, macro F1 "
            f"{_figure(plus['macro_f1'])}. The contest's own labels agree with that majority for "
            f"{_figure(plus['labels_agree'])} of them."
        )
    return text


def expressions(report: Json) -> str:
    """Return recall with its interval and precision of each expression."""
    kept = (report.get("uncertain") or {}).get("share_kept_by_class")
    columns = ["Expression", "Images", "Recall", "95 % interval", "Precision"]
    rows = [
        [
            name,
            f"{report['per_class_n'][name]:,}",
            _figure(report["per_class_recall"][name], 2),
            _interval(report["per_class_recall_ci95"][name], 2),
            _figure(report["per_class_precision"][name], 2),
        ]
        for name in EXPRESSIONS
    ]
    if kept:
        columns.append("Not called uncertain")
        rows = [[*row, _figure(kept[row[0]], 2)] for row in rows]
    return _table(columns, rows)


def confusion(report: Json) -> str:
    """Return the confusion matrix and its largest cells off the diagonal."""
    counts = report["confusion_matrix"]["truth_by_predicted"]
    rows = [[f"**{name}**", *map(str, row)] for name, row in zip(EXPRESSIONS, counts, strict=True)]
    wrong = [
        (counts[truth][predicted], f"{EXPRESSIONS[truth]} taken for {EXPRESSIONS[predicted]}")
        for truth in range(len(EXPRESSIONS))
        for predicted in range(len(EXPRESSIONS))
        if truth != predicted
    ]
    frequent = sorted(wrong, key=lambda pair: -pair[0])[:FREQUENT]
    named = ", ".join(f"{what} ({n:,})" for n, what in frequent)
    return f"{_table(['', *EXPRESSIONS], rows)}\n\nThe most frequent confusions: {named}."


def confidence(report: Json) -> str:
    """Return what is left and right at thresholds of confidence, and what calibration did."""
    rows = [
        [
            f"{kept['threshold']:.2f}",
            _percent(kept["share_kept"]),
            _percent(kept["accuracy_of_kept"]),
            _interval(kept["accuracy_of_kept_ci95"]),
        ]
        for kept in report["selective"]
    ]
    parts = [_table(["Confidence at least", "Faces kept", "Of these right", "95 % interval"], rows)]
    uncertain, mended = report.get("uncertain"), report.get("calibration")
    if uncertain:
        parts.append(
            f"The product calls an answer **uncertain below {uncertain['threshold']:.2f}**: on these "
            f"images it then keeps {_percent(uncertain['share_kept'])} of the faces and reads "
            f"{_percent(uncertain['accuracy_of_kept'])} of them rightly; of those it calls uncertain, "
            f"{_percent(uncertain['accuracy_of_uncertain'])}."
        )
    if mended:
        parts.append(
            f"Calibration in the graph, {_calibration(mended)}, takes the ECE from "
            f"{_figure(mended['ece_before'])} to {_figure(mended['ece_after'])} and the negative "
            f"log-likelihood from {_figure(mended['nll_before'])} to {_figure(mended['nll_after'])}."
        )
    return "\n\n".join(parts)


def models(reports: Sequence[Json]) -> str:
    """Return several models' scores, a column each."""
    rows = [
        ["Accuracy", *(_figure(one["accuracy"]) for one in reports)],
        ["95 % interval", *(_interval(one["accuracy_ci95"]) for one in reports)],
        ["Accuracy without copies of training images", *(_within(one, "without_copies", "accuracy") for one in reports)],
        ["Agreement with FER+ majority", *(_within(one, "ferplus", "accuracy") for one in reports)],
        ["Macro F1", *(_figure(one["macro_f1"]) for one in reports)],
        *(
            [f"Recall, {name}", *(_figure(one["per_class_recall"][name], 2) for one in reports)]
            for name in EXPRESSIONS
        ),
        ["ECE before calibration", *(_within(one, "calibration", "ece_before") for one in reports)],
        ["ECE", *(_figure(one["ece"]) for one in reports)],
        ["Negative log-likelihood", *(_figure(one["nll"]) for one in reports)],
        ["Bytes", *(f"{one['bytes']:,}" for one in reports)],
        ["Faces per CPU second, one thread", *(_count(one.get("faces_per_cpu_second")) for one in reports)],
    ]  # fmt: skip
    return _table(["", *(one["name"] for one in reports)], rows)


def precisions(reports: Sequence[Json]) -> str:
    """Return how well and how fast one model reads in several kinds of numbers on one processor, a row each."""
    columns = ["Weights", "Accuracy", "Macro F1", "Negative log-likelihood", "Faces per CPU second"]
    rows = [
        [
            one["name"],
            *(_figure(one[key]) for key in ("accuracy", "macro_f1", "nll")),
            _count(one.get("faces_per_cpu_second")),
        ]
        for one in reports
    ]
    last = reports[-1]
    caption = f"{last['n']:,} faces that training held back; the weights of {last['version'] or last['model']}."
    return f"{_table(columns, rows)}\n\n{caption}"


def robustness(report: Json) -> str:
    """Return the accuracy at every level of every trial, a row each."""
    rows = []
    for name, trial in TRIALS.items():
        found = [
            f"{as_level(trial, one['level'])}: **{one['accuracy']:.3f}**"
            for one in report["trials"][name]
        ]
        rows.append([trial.title, trial.axis, " · ".join(found)])
    text = _table(["Disturbance", "Level", "Accuracy at each level"], rows)
    return f"{text}\n\nUndisturbed: {report['accuracy']:.3f}, {report['n']:,} images."


def adjustment(report: Json) -> str:
    """Return what each strength of logit adjustment does."""
    names = {
        "tau": "tau",
        "accuracy": "Accuracy",
        "macro_f1": "Macro F1",
        "balanced_accuracy": "Balanced accuracy",
        "disgust_recall": "Recall, disgust",
        "ece": "ECE",
    }
    rows = [
        [f"{row['tau']:.1f}", *(_figure(row[key]) for key in list(names)[1:])]
        for row in report["rows"]
    ]
    text = _table(list(names.values()), rows)
    return f"{text}\n\nOn the {report['n']:,} faces that training held back."


def _calibration(stated: Json) -> str:
    text = f"a temperature of {_figure(stated['temperature'])}"
    if stated["noise_floor"]:
        text += f" and a noise floor of {_figure(stated['noise_floor'], 2)}"
    return text


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _figure(score: float | None, decimals: int = 4) -> str:
    return "" if score is None else f"{score:.{decimals}f}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def _count(n: int | None) -> str:
    return "" if n is None else f"{n:,}"


def _interval(ends: Sequence[float] | None, decimals: int = 3) -> str:
    return "" if ends is None else f"{ends[0]:.{decimals}f} to {ends[1]:.{decimals}f}"


def _with_interval(report: Json, key: str) -> str:
    return f"{_figure(report[key])} ({_interval(report[f'{key}_ci95'])})"


def _within(report: Json, part: str, key: str) -> str:
    return _figure((report.get(part) or {}).get(key))
