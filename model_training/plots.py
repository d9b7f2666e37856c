"""Pictures of a training run."""

from pathlib import Path

from matplotlib.figure import Figure


def plot_history(history: dict[str, list[float]], path: Path) -> None:
    """Draw loss and accuracy over the epochs, training against validation, into a PNG."""
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    panels = figure.subplots(1, 2)
    for panel, metric in zip(panels, ("loss", "accuracy"), strict=True):
        epochs = range(1, len(history[metric]) + 1)
        panel.plot(epochs, history[metric], label="training, augmented")
        panel.plot(epochs, history[f"val_{metric}"], label="validation")
        panel.set_xlabel("epoch")
        panel.set_ylabel(metric)
        panel.legend()
    figure.savefig(path, dpi=110)
