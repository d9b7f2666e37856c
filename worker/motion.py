"""Where a face will be: a Kalman filter of constant velocity for the centre of its box.

Source: A. Bewley et al., "Simple online and realtime tracking" (SORT, ICIP 2016); noises relative to the height of the
box after N. Wojke et al., "Simple online and realtime tracking with a deep association metric" (DeepSORT, ICIP 2017).
A Kalman filter rather than an alpha-beta one, because times between looked-at frames differ: after a loss or with sparse
sampling its gains follow from how long that was, and it says how far off it may be. Both coordinates share their
variances, so the filter is three numbers. Heights are not predicted: faces change size slowly.
"""

from dataclasses import dataclass

POSITION_VARIANCE = (1 / 20) ** 2
"""Of a detected centre, in squared face heights (DeepSORT's standard deviation: a twentieth of the height)."""
ACCELERATION = 3.0
"""Spectral density of the random acceleration, in squared heights per s³. With it FARTHEST holds 99 % of the true positions
of heads in talks, on a stage and in a street, looked at 4, 8 and 25 times per second. DeepSORT's walkers, by 1/160 of
the height per frame at 30 frames per second, have (30 / 160)² · 30 = 1.05."""
FIRST_SPEED_VARIANCE = (30 / 16) ** 2
"""Of a face seen for the first time, in squared heights per s² (DeepSORT: ten times 1/160 per frame)."""
HORIZON_S = 0.5
"""Nobody keeps a velocity for longer: predictions go no farther."""
FARTHEST = 9.21
"""Squared Mahalanobis distance that 99 % of true positions keep (χ² of two degrees of freedom, as DeepSORT gates)."""


@dataclass
class Motion:
    """The centre of a face (pixels), its velocity (pixels per second) and their variances (in face heights)."""

    x: float
    y: float
    x_speed: float = 0.0
    y_speed: float = 0.0
    variance: float = POSITION_VARIANCE
    covariance: float = 0.0
    speed_variance: float = FIRST_SPEED_VARIANCE

    def advance(self, elapsed_s: float) -> None:
        """Predict where the centre is after so long, and how uncertain that is."""
        known_s = min(elapsed_s, HORIZON_S)
        self.x += self.x_speed * known_s
        self.y += self.y_speed * known_s
        self.variance += elapsed_s * (2 * self.covariance + elapsed_s * self.speed_variance)
        self.variance += ACCELERATION * elapsed_s**3 / 3
        self.covariance += elapsed_s * self.speed_variance + ACCELERATION * elapsed_s**2 / 2
        self.speed_variance += ACCELERATION * elapsed_s

    def reaches(
        self, seen: tuple[float, float], expected: tuple[float, float], *, height: float
    ) -> bool:
        """Tell whether a face of that height, seen there and expected elsewhere, can be this one."""
        squared = (seen[0] - expected[0]) ** 2 + (seen[1] - expected[1]) ** 2
        return squared <= FARTHEST * (self.variance + POSITION_VARIANCE) * height**2

    def correct(self, x: float, y: float) -> None:
        """Take in where the face was seen."""
        position_gain = self.variance / (self.variance + POSITION_VARIANCE)
        speed_gain = self.covariance / (self.variance + POSITION_VARIANCE)
        x_off, y_off = x - self.x, y - self.y
        self.x += position_gain * x_off
        self.y += position_gain * y_off
        self.x_speed += speed_gain * x_off
        self.y_speed += speed_gain * y_off
        self.speed_variance -= speed_gain * self.covariance
        self.covariance *= 1 - position_gain
        self.variance *= 1 - position_gain
