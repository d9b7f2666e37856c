"""Drawn faces with seven expressions: a data set that may go anywhere, for the notebook and for tests.

No photograph is needed to see the whole way from faces to a model. What is learned on these says
nothing about people.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from model_training.faces import FACE_SIZE, FaceSet, labelled_faces
from storage.labels import EXPRESSIONS

CANVAS = 4 * FACE_SIZE
"""Drawn four times as large, then shrunk: soft edges, and parts that stand between pixels."""

Canvas = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Look:
    """How the parts of a face stand for an expression; lengths are shares of the head's height."""

    brow_lift: float = 0.0
    """Higher than at rest."""
    brow_tilt: float = 0.0
    """The inner end higher than the outer; negative: lower, as in a frown."""
    eye_open: float = 0.045
    """Half the height of an eye."""
    mouth_curve: float = 0.0
    """The corners higher than the middle; negative: lower."""
    mouth_open: float = 0.0
    """Half the height of the gap between the lips."""
    mouth_width: float = 0.16
    """Half of it."""
    sneer: float = 0.0
    """One half of the upper lip higher, and folds beside the nose."""


LOOKS = {
    "angry": Look(brow_lift=-0.035, brow_tilt=-0.06, eye_open=0.03, mouth_curve=-0.025),
    "disgust": Look(brow_lift=-0.02, brow_tilt=-0.03, eye_open=0.02, mouth_curve=-0.02, sneer=0.05),
    "fear": Look(
        brow_lift=0.045, brow_tilt=0.045, eye_open=0.07, mouth_open=0.035, mouth_curve=-0.02
    ),
    "happy": Look(eye_open=0.028, mouth_curve=0.075, mouth_open=0.03, mouth_width=0.2),
    "neutral": Look(),
    "sad": Look(brow_lift=0.01, brow_tilt=0.055, eye_open=0.032, mouth_curve=-0.06),
    "surprise": Look(brow_lift=0.07, eye_open=0.075, mouth_open=0.085, mouth_width=0.085),
}

REST = LOOKS["neutral"]


def draw_cartoons(per_expression: int, *, seed: int = 0) -> FaceSet:
    """Draw so many faces of each expression, no two alike, in random order; the same seed, the same faces."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(EXPRESSIONS)), per_expression))
    faces = [draw_cartoon(LOOKS[EXPRESSIONS[label]], rng) for label in labels]
    images = np.array(faces, dtype=np.uint8).reshape(-1, FACE_SIZE, FACE_SIZE)
    return labelled_faces(images, labels.astype(np.int8))


def draw_cartoon(look: Look, rng: np.random.Generator) -> Canvas:
    """Draw one face (48, 48): head, light, place and strength of the expression vary by chance."""
    head = _Head(rng)
    canvas = np.full((CANVAS, CANVAS), rng.integers(20, 235), dtype=np.uint8)
    head.draw_head(canvas)
    head.draw_eyes(canvas, look)
    head.draw_nose(canvas, look)
    head.draw_mouth(canvas, look)
    return _photographed(canvas, rng)


class _Head:
    """One head's shape and shades; parts are placed from the middle of the face, y downwards."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.height = CANVAS * rng.uniform(0.82, 1.0)
        self.width = self.height * rng.uniform(0.72, 0.84)
        self.skin = int(rng.integers(90, 215))
        self.dark = int(self.skin * rng.uniform(0.2, 0.45))
        self.hair = int(np.clip(self.skin + rng.choice([-90, -60, 45]), 10, 250))
        self.fringe = rng.uniform(0.24, 0.36)
        self.line = max(3, round(CANVAS * rng.uniform(0.018, 0.03)))
        self.strength = rng.uniform(0.2, 1.2)
        """How plainly it shows its expression: the weakest are hard to tell from a neutral face."""

    def place(self, x: float, y: float) -> tuple[int, int]:
        """Return the pixel of a point given in shares of the head's height, from its middle."""
        return round(CANVAS / 2 + x * self.height), round(CANVAS / 2 + y * self.height)

    def draw_head(self, canvas: Canvas) -> None:
        axes = (round(self.width / 2), round(self.height / 2))
        top = (round(self.width / 2 * 1.06), round(self.height / 2 * 1.06))
        cv2.ellipse(canvas, self.place(0, -0.02), top, 0, 180, 360, self.hair, -1, cv2.LINE_AA)
        cv2.ellipse(canvas, self.place(0, 0), axes, 0, 0, 360, self.skin, -1, cv2.LINE_AA)
        above = np.zeros_like(canvas)
        cv2.ellipse(above, self.place(0, 0), axes, 0, 0, 360, 255, -1)
        above[self.place(0, -self.fringe)[1] :] = 0
        canvas[above > 0] = self.hair

    def draw_eyes(self, canvas: Canvas, look: Look) -> None:
        for side in (-1, 1):
            centre = self.place(0.16 * side, -0.06)
            opening = max(1, round(self._varied(look.eye_open, rest=REST.eye_open) * self.height))
            axes = (round(0.075 * self.height), opening)
            cv2.ellipse(canvas, centre, axes, 0, 0, 360, 240, -1, cv2.LINE_AA)
            pupil = max(1, min(round(0.035 * self.height), opening))
            cv2.circle(canvas, centre, pupil, self.dark // 2, -1, cv2.LINE_AA)
            cv2.ellipse(canvas, centre, axes, 0, 180, 360, self.dark, self.line // 2, cv2.LINE_AA)
            lift = 0.15 + self.strength * look.brow_lift
            tilt = self.strength * look.brow_tilt
            inner = self.place(0.075 * side, -lift - tilt)
            outer = self.place(0.25 * side, -lift + tilt / 2)
            cv2.line(canvas, inner, outer, self.dark, self.line + 2, cv2.LINE_AA)

    def draw_nose(self, canvas: Canvas, look: Look) -> None:
        bridge = [self.place(0.005, -0.03), self.place(0.04, 0.1), self.place(-0.01, 0.115)]
        shade = int(self.skin * 0.7)
        cv2.polylines(canvas, [np.array(bridge)], False, shade, self.line // 2, cv2.LINE_AA)
        if self.strength * look.sneer > 0.02:
            for side in (-1, 1):
                for y in (0.02, 0.055):
                    fold = self.place(0.05 * side, y), self.place(0.1 * side, y - 0.035)
                    cv2.line(canvas, *fold, self.dark, self.line // 2, cv2.LINE_AA)

    def draw_mouth(self, canvas: Canvas, look: Look) -> None:
        across = np.linspace(-1, 1, 17)
        bow = self.strength * look.mouth_curve * (1 - 2 * across**2)
        gap = self.strength * look.mouth_open * np.sqrt(1 - across**2)
        raised = self.strength * look.sneer * np.exp(-((across - 0.5) ** 2) / 0.1)
        middle = 0.25 + bow
        upper, lower = middle - gap - raised, middle + gap
        x = across * self._varied(look.mouth_width, rest=REST.mouth_width)
        outline = [*zip(x, upper, strict=True), *zip(x[::-1], lower[::-1], strict=True)]
        lips = np.array([self.place(*point) for point in outline])
        cv2.fillPoly(canvas, [lips], 30, cv2.LINE_AA)
        cv2.polylines(canvas, [lips], True, self.dark, self.line, cv2.LINE_AA)

    def _varied(self, value: float, *, rest: float) -> float:
        return rest + self.strength * (value - rest)


def _photographed(canvas: Canvas, rng: np.random.Generator) -> Canvas:
    """Turn, shift, mirror, light from a side, blur, shrink and add grain."""
    matrix = cv2.getRotationMatrix2D((CANVAS / 2, CANVAS / 2), rng.normal(0, 6), 1.0)
    shift = np.zeros((2, 3))
    shift[:, 2] = rng.normal(0, 0.025 * CANVAS, 2)
    turned = cv2.warpAffine(canvas, matrix + shift, canvas.shape, borderMode=cv2.BORDER_REPLICATE)
    if rng.random() < 0.5:
        turned = turned[:, ::-1]
    small = cv2.resize(
        cv2.GaussianBlur(turned, (0, 0), 2), (FACE_SIZE, FACE_SIZE), interpolation=cv2.INTER_AREA
    ).astype(np.float32)
    y, x = np.mgrid[-1 : 1 : FACE_SIZE * 1j, -1 : 1 : FACE_SIZE * 1j]
    slope_x, slope_y = rng.normal(0, 0.16, 2)
    lit = small * (1 + slope_x * x + slope_y * y) + rng.normal(0, rng.uniform(1, 7), small.shape)
    return np.clip(lit, 0, 255).astype(np.uint8)
