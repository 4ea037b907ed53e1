"""How good a mask is, beside the label that is known to be true."""

import numpy as np
from scipy import ndimage
from skimage.metrics import adapted_rand_error, variation_of_information
from skimage.morphology import thin

from models.lib.sections import Pair
from segmentation.networks import probe

THRESHOLDS = np.round(np.arange(0.1, 0.951, 0.025), 3)
OUTSIDE = 32  # pixels; more than half of the widest membrane


def score(mask: np.ndarray, label: np.ndarray) -> dict[str, float]:
    """Compare a mask of cells with the truth.

    Args:
        mask, label: (H, W), 0 on membrane and anything else inside a cell.

    Returns:
        pixel_accuracy and membrane_iou, 1 is best; adapted_rand_error, 0 is best: of the cells as
        connected components, on the true cells' pixels; and ``after_thinning``'s scores.
    """
    cells, truth = mask > 0, label > 0
    return {
        "pixel_accuracy": float((cells == truth).mean()),
        "membrane_iou": _iou(~cells, ~truth),
        "adapted_rand_error": _rand_error(cells, truth),
    } | after_thinning(cells, truth)


def _iou(one: np.ndarray, other: np.ndarray) -> float:
    union = (one | other).sum()
    return float((one & other).sum() / union) if union else 1.0


def _rand_error(cells: np.ndarray, truth: np.ndarray) -> float:
    components, known = ndimage.label(cells)[0], ndimage.label(truth)[0]
    return float(adapted_rand_error(known, components, ignore_labels=(0,))[0])


def after_thinning(cells: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """The two scores of the ISBI 2012 challenge: of Rand and of information, after thinning.

    The membranes of the mask are thinned to one pixel, so that only what they part counts, not how
    thick they are; on the true cells' pixels the cells, as connected components, are compared; a
    pixel of membrane there is a cell of its own. V_rand is the F-score of pairs of pixels, V_info
    that of information: 2 I(S; T) / (H(S) + H(T)), after Arganda-Carreras et al. (2015),
    https://doi.org/10.3389/fnana.2015.00142; the challenge takes the best of several thresholds,
    this takes the mask as it is.

    Args:
        cells, truth: bool (H, W), False on membrane.

    Returns:
        v_rand and v_info, 0–1, 1 is best.
    """
    # ends of membranes recede as these are thinned: let them do so outside of the image
    membranes = thin(np.pad(~cells, OUTSIDE, mode="edge"))[OUTSIDE:-OUTSIDE, OUTSIDE:-OUTSIDE]
    components, count = ndimage.label(~membranes)
    components[membranes] = np.arange(count + 1, count + 1 + membranes.sum())
    known = ndimage.label(truth)[0]
    split_and_merged = variation_of_information(known, components, ignore_labels=(0,)).sum()
    entropies = _entropy(known[truth]) + _entropy(components[truth])
    return {
        "v_rand": float(1 - adapted_rand_error(known, components, ignore_labels=(0,))[0]),
        "v_info": max(0.0, float(1 - split_and_merged / entropies)) if entropies else 1.0,
    }


def _entropy(numbers: np.ndarray) -> float:
    """In bits, of what is drawn from these numbers."""
    shares = np.unique(numbers, return_counts=True)[1] / numbers.size
    return float(-(shares * np.log2(shares)).sum())


def mean_score(
    probabilities: list[np.ndarray], pairs: list[Pair], threshold: float
) -> dict[str, float]:
    """The mean of each score over sections, rounded to four digits.

    Args:
        probabilities: (H, W) of each pair, 0–1.
        pairs: whose labels are the truth.
        threshold: above which a pixel is of a cell.
    """
    scores = [
        score(p > threshold, label) for p, (_, label) in zip(probabilities, pairs, strict=True)
    ]
    return {name: round(float(np.mean([s[name] for s in scores])), 4) for name in scores[0]}


def best_threshold(probabilities: list[np.ndarray], pairs: list[Pair]) -> float:
    """The one of THRESHOLDS that is best for cells and for pixels.

    That with the least sum of adapted Rand error and of what membrane IoU lacks to 1, in the mean:
    by the error of cells alone a few gaps in membranes decide, and by IoU alone gaps do not count.
    Arguments are as of ``mean_score``.
    """
    both = [(p, label > 0) for p, (_, label) in zip(probabilities, pairs, strict=True)]
    errors = [
        np.mean([_rand_error(p > t, truth) - _iou(p <= t, ~truth) for p, truth in both])
        for t in THRESHOLDS
    ]
    return float(THRESHOLDS[int(np.argmin(errors))])


def agreement(one: list[np.ndarray], other: list[np.ndarray], threshold: float) -> float:
    """The share of pixels on which two lists of (H, W) probabilities give the same mask."""
    same = [
        probe.agreement(a[..., None], b[..., None], threshold)
        for a, b in zip(one, other, strict=True)
    ]
    return round(float(np.mean(same)), 5)
