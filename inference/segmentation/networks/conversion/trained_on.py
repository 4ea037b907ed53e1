"""What images a network was trained on, by what its first batch normalisation remembers of them.

A batch normalisation keeps the mean and the variance of what came to it in training. What the
layers before it give for drawn textures of any mean and deviation tells which of these come near to
that. Where textures of intensities do not, and others do, the network was trained on other numbers.

Batch normalisation: https://arxiv.org/abs/1502.03167
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ..network import Seen

# from float32 (N, H, W, C) to (N, h, w, K): what comes to the normalisation
Respond = Callable[[np.ndarray], np.ndarray]

SIDE = 32  # of the textures, in pixels
BORDER = 8  # around them, of which the answer depends but is not looked at
IMAGES = 64  # that are run together
LEAST_FILTERS = 8  # fewer do not tell enough
MOST_REFINED = 4  # channels, each of which has a mean of its own
STEPS = 4  # of the refinement
# how much of the moving averages is of training, and not of their beginning, 0 and 1
SHARES = np.array([1, 0.9, 0.7, 0.5, 0.35, 0.2, 0.1])
SHORT = 3.0  # how much less likely it is that training was so short
FLOOR = 1e-3  # what batch normalisations add to a variance
CLIP = 3.0  # the most that one number counts
DEVIATIONS = np.geomspace(0.03, 200, 10)
RATIOS = np.array([-3, -1.5, -0.7, -0.3, 0, 0.3, 0.7, 1.5, 3])  # of a mean to its deviation
MEANS = np.array([0.01, 0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95, 0.99])  # of intensities
SPREADS = np.array([0.05, 0.15, 0.3, 0.6, 0.9])  # of the largest deviation with that mean
FITS = 0.4  # the misfit of what a network was trained on, at most
MISFITS = 0.05  # that of intensities, at least
FACTOR = 5.0  # of the two, at least
ROOM = 0.02  # how far beyond intensities estimates of such may lie


@dataclass(frozen=True)
class Remembered:
    """The statistics of a batch normalisation: float64 (K,) mean and variance."""

    mean: np.ndarray
    variance: np.ndarray

    def is_told(self) -> bool:
        """Whether training has changed them."""
        return not (np.allclose(self.mean, 0) or np.allclose(self.variance, 1))


@dataclass(frozen=True)
class _Fit:
    """Textures whose statistics are like those that are remembered.

    Attributes:
        misfit: 0 where they are equal.
        texture: which of them.
        mean: float64 (C,).
        deviation: of all channels.
    """

    misfit: float
    texture: int
    mean: np.ndarray
    deviation: float


def judge(respond: Respond, channels: int, remembered: Remembered, largest: float) -> Seen | None:
    """What a network was trained on, where that was clearly no image of intensities.

    Args:
        respond: what its first layers compute.
        channels: C.
        remembered: of the K numbers that they give for each pixel.
        largest: the intensity of white, as the network takes it.

    Returns:
        None where it may have been trained on intensities, or nothing tells.
    """
    if len(remembered.mean) < LEAST_FILTERS or not remembered.is_told():
        return None
    search = _Search(respond, channels, remembered, largest)
    usual, free = search.best(_intensities(largest), True), search.best(_any(largest), False)
    if usual.misfit < max(MISFITS, FACTOR * free.misfit) or free.misfit > FITS:
        return None
    if _may_be_intensities(free, largest):
        return None
    return Seen(float(free.mean.mean()), float(free.deviation))


def _intensities(largest: float) -> Iterator[tuple[float, float]]:
    """Means and deviations that images of intensities may have."""
    for mean in MEANS:
        for spread in SPREADS:
            yield largest * mean, largest * spread * _largest_deviation(mean)


def _any(largest: float) -> Iterator[tuple[float, float]]:
    for deviation in largest * DEVIATIONS:
        for ratio in RATIOS:
            yield ratio * deviation, deviation


def _largest_deviation(mean: float) -> float:
    """Of numbers between 0 and 1: that of zeros and ones."""
    return float(np.sqrt(mean * (1 - mean)))


def _may_be_intensities(fit: _Fit, largest: float) -> bool:
    low, high = fit.mean.min() / largest, fit.mean.max() / largest
    most = max(_largest_deviation(mean) for mean in np.clip(fit.mean / largest, 0, 1))
    return low > -ROOM and high < 1 + ROOM and fit.deviation / largest < most + ROOM


@dataclass(frozen=True)
class _Search:
    """For the textures that come nearest to what is remembered."""

    respond: Respond
    channels: int
    remembered: Remembered
    largest: float

    def best(self, grid: Iterator[tuple[float, float]], bounded: bool) -> _Fit:
        """The best of a grid of means and deviations, and of what lies near to it.

        Args:
            bounded: whether all numbers are intensities.
        """
        textures, pairs = _textures(), list(grid)
        whole = [
            (mean, deviation, index) for mean, deviation in pairs for index in range(len(textures))
        ]
        drawn = np.stack([mean + deviation * textures[index] for mean, deviation, index in whole])
        misfits = self._misfits(self._statistics(drawn, bounded))
        found = []
        for texture, drawing in enumerate(textures):  # the best of each may be improved the most
            own = misfits[texture :: len(textures)]
            mean, deviation = pairs[int(own.argmin())]
            fit = _Fit(float(own.min()), texture, np.full(self.channels, mean), deviation)
            found.append(self._refined(fit, drawing, bounded))
        return min(found, key=lambda fit: fit.misfit)

    def _statistics(self, drawn: np.ndarray, bounded: bool) -> tuple[np.ndarray, np.ndarray]:
        """(N, H, W) or (N, H, W, C) -> (N, K) means and variances of what the layers give."""
        if drawn.ndim == 3:
            drawn = np.repeat(drawn[..., None], self.channels, axis=-1)
        if bounded:
            drawn = drawn.clip(0, self.largest)
        parts = []
        for first in range(0, len(drawn), IMAGES):
            given = self.respond(drawn[first : first + IMAGES].astype(np.float32))
            less = round(BORDER * given.shape[1] / drawn.shape[1])
            inner = given[:, less : given.shape[1] - less, less : given.shape[2] - less]
            parts.append((inner.mean((1, 2)), inner.var((1, 2))))
        means, variances = (np.concatenate(each) for each in zip(*parts, strict=True))
        return means.astype(np.float64), variances.astype(np.float64)

    def _residuals(self, statistics: tuple[np.ndarray, np.ndarray], share: float) -> np.ndarray:
        """(N, 2 K): how far means and variances are from those that are remembered."""
        means, variances = statistics
        kept = self.remembered
        wanted = np.sqrt(kept.variance + FLOOR)
        means, variances = share * means, share * variances + 1 - share
        of_means = (means - kept.mean) / wanted
        of_variances = np.log((variances + FLOOR) / (kept.variance + FLOOR)) / 2
        return np.concatenate([of_means, of_variances], axis=1).clip(-CLIP, CLIP)

    def _misfits(self, statistics: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """(N,), whatever share of them is of training."""
        each = [self._misfits_of(statistics, share) for share in SHARES]
        return np.min(each, axis=0)

    def _misfits_of(self, statistics: tuple[np.ndarray, np.ndarray], share: float) -> np.ndarray:
        """(N,); a training that was long is the likelier one."""
        residuals = self._residuals(statistics, share)
        misfits = (residuals**2).mean(1) * (1 + SHORT * (1 - share))
        return np.where(np.isnan(misfits), np.inf, misfits)  # as of roots of negative numbers

    def _refined(self, fit: _Fit, texture: np.ndarray, bounded: bool) -> _Fit:
        """By Gauss-Newton steps, with a mean for each channel where these are few."""
        several = self.channels if self.channels <= MOST_REFINED else 1
        for _ in range(STEPS):
            place = np.append(fit.mean[:several], np.log(fit.deviation))
            change = np.append(np.full(several, 0.05 * fit.deviation), 0.05)
            places = np.stack([place, *(place + np.diag(change))])
            statistics = self._at(places, texture, bounded)
            each = [self._misfits_of(statistics, share)[0] for share in SHARES]
            residuals = self._residuals(statistics, SHARES[int(np.argmin(each))])
            if not np.isfinite(residuals).all():
                break
            slopes = (residuals[1:] - residuals[0]).T / change
            step = np.linalg.lstsq(slopes, -residuals[0], rcond=1e-6)[0]
            tried = np.stack([place + part * step for part in (1, 0.5, 0.2)])
            tried[:, -1] = tried[:, -1].clip(place[-1] - 1, place[-1] + 1)
            if bounded:
                tried = np.stack([_within(one, self.largest) for one in tried])
            misfits = self._misfits(self._at(tried, texture, bounded))
            index = int(misfits.argmin())
            if misfits[index] >= fit.misfit:
                break
            mean = np.broadcast_to(tried[index, :-1], self.channels)
            fit = _Fit(float(misfits[index]), fit.texture, mean, float(np.exp(tried[index, -1])))
        return fit

    def _at(
        self, places: np.ndarray, texture: np.ndarray, bounded: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        means = np.stack([np.broadcast_to(place[:-1], self.channels) for place in places])
        deviations = np.exp(places[:, -1])[:, None, None, None]
        drawn = means[:, None, None, :] + deviations * texture[None, ..., None]
        return self._statistics(drawn, bounded)


def _within(place: np.ndarray, largest: float) -> np.ndarray:
    """The nearest place that images of intensities may have."""
    means = place[:-1].clip(1e-3 * largest, (1 - 1e-3) * largest)
    most = max(_largest_deviation(mean / largest) for mean in means) * largest
    return np.append(means, min(place[-1], np.log(most)))


def _textures() -> np.ndarray:
    """float64 (J, side, side), each of mean 0 and deviation 1: noise, spots, blobs, lines."""
    rng = np.random.default_rng(0)
    side = SIDE + 2 * BORDER
    found = [_noise(rng, side, exponent) for exponent in (0.0, 1.0, 2.0)]
    spots = _noise(rng, side, 1.5)
    dots = np.exp(1.5 * spots)
    blobs = np.tanh(3 * _noise(rng, side, 2.0))
    lines = -np.exp(-((3 * _noise(rng, side, 1.8)) ** 2))
    found += [dots, -dots, blobs, -lines]
    textures = np.stack(found)
    textures -= textures.mean((1, 2), keepdims=True)
    return textures / textures.std((1, 2), keepdims=True)


def _noise(rng: np.random.Generator, side: int, exponent: float) -> np.ndarray:
    """Noise whose amplitude falls with a power of the frequency."""
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    frequency[0, 0] = np.inf
    amplitude = frequency**-exponent if exponent else np.ones_like(frequency)
    amplitude[0, 0] = 0
    values = np.fft.ifft2(np.fft.fft2(rng.standard_normal((side, side))) * amplitude).real
    return values / values.std()
