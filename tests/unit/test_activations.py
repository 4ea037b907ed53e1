"""What is said of values that are no probabilities."""

import pytest

from segmentation.networks.activations import may_be_probabilities, remedy


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (-9, 7, '"softmax"'),
        (-1, 0.9, "ends with tanh must go on with (y + 1) / 2"),
        (-30, 0, "logarithms of probabilities must go on with exp(y)"),
        (0, 254.3, "probabilities × 255 must go on with y / 255"),
        (0, 300, '"softmax"'),
    ],
)
def test_what_would_make_probabilities_of_them(low, high, said):
    assert not may_be_probabilities(low, high)
    assert remedy(low, high).endswith(said)
    assert "if they are logits, say so in model.json" in remedy(low, high)
