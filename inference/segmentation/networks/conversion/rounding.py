"""What of a graph is not rounded where the rest is computed in bfloat16.

Rounding shows at the two ends of a network: bfloat16 has 8 significant bits, as many as the image,
and a probability is compared with a threshold. So the first and the last convolution stay in
float32; they cost little.
"""

import re
from pathlib import Path

# OpenVINO's own name and form of what keeps an operation as it is: tests/upstream
ATTRIBUTE = '<attribute name="DisablePrecisionConversion" version="0" value="dynamic:f16"/>'
_CONVOLUTION = re.compile(
    r'<layer [^>]*type="(?:Group)?Convolution(?:BackpropData)?"[^>]*>.*?(?=<input>)', re.DOTALL
)


def keep_ends_exact(file: Path) -> None:
    """Mark the first and the last convolution of a graph as not to be rounded.

    Args:
        file: the graph, as OpenVINO writes it; is changed.
    """
    text = file.read_text()
    found = list(_CONVOLUTION.finditer(text))
    for place in sorted({match.end() for match in (*found[:1], *found[-1:])}, reverse=True):
        text = f"{text[:place]}<rt_info>{ATTRIBUTE}</rt_info>{text[place:]}"
    file.write_text(text)
