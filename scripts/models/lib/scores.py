"""How good a mask is, beside the label that is known to be true."""

import numpy as np
from scipy import ndimage
from skimage.metrics import adapted_rand_error

from models.lib.sections import Pair
from segmentation.networks import probe


def score(mask: np.ndarray, label: np.ndarray) -> dict[str, float]:
    """Compare a mask of cells with the truth.

    Args:
        mask, label: (H, W), 0 on membrane and anything else inside a cell.

    Returns:
        pixel_accuracy and membrane_iou, 1 is best, and adapted_rand_error, 0 is best: of the cells
        as connected components, on the true cells' pixels, as in the ISBI 2012 challenge
        (Arganda-Carreras et al. 2015, https://doi.org/10.3389/fnana.2015.00142).
    """
    cells, truth = mask > 0, label > 0
    components, known = ndimage.label(cells)[0], ndimage.label(truth)[0]
    union = (~cells | ~truth).sum()
    return {
        "pixel_accuracy": float((cells == truth).mean()),
        "membrane_iou": float((~cells & ~truth).sum() / union) if union else 1.0,
        "adapted_rand_error": float(adapted_rand_error(known, components, ignore_labels=(0,))[0]),
    }


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


def agreement(one: list[np.ndarray], other: list[np.ndarray], threshold: float) -> float:
    """The share of pixels on which two lists of (H, W) probabilities give the same mask."""
    same = [
        probe.agreement(a[..., None], b[..., None], threshold)
        for a, b in zip(one, other, strict=True)
    ]
    return round(float(np.mean(same)), 5)
