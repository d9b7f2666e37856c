"""The seven expressions, in the one order used everywhere: arrays, columns, CSV, model metadata."""

EXPRESSIONS: tuple[str, ...] = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
