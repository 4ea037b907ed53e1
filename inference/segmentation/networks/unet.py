"""The U-Net of Ronneberger, Fischer and Brox (2015), https://arxiv.org/abs/1505.04597, same-padded.

Differences from the paper: ``same`` padding (a mask of the image's size), batch normalisation on
the way down, and nearest-neighbour upsampling with a convolution, not transposed convolutions.
"""

import keras
from keras import layers

LEVELS = 4
STRIDE = 2**LEVELS  # the input's height and width must be multiples of this


def build(
    filters: int = 64,
    input_shape: tuple[int | None, int | None, int] = (None, None, 1),
    classes: int = 1,
    dropout: bool = False,
) -> keras.Model:
    """Build an untrained U-Net.

    Args:
        filters: width of the first level; the others have 2, 4, 8 and 16 times as many.
        input_shape: (height, width, channels); None is a free size. Height and width must be
            multiples of 16.
        classes: 1 for a sigmoid (one foreground probability), more for a softmax.
        dropout: 0.5 before and after the bottom, as in the paper.

    Returns:
        A model from float32 (N, H, W, C), intensities in 0–1, to float32 (N, H, W, classes),
        probabilities in 0–1.
    """
    image = keras.Input(input_shape, name="image")
    x, skips = image, []
    for level in range(LEVELS):
        skip = _down(x, filters * 2**level, name=f"down{level + 1}")
        skips.append(skip)
        x = layers.MaxPooling2D(2, name=f"down{level + 1}_pool")(skip)  # H, W -> H/2, W/2
    if dropout:
        x = layers.Dropout(0.5, name="bottom_dropout1")(x)
    x = _down(x, filters * STRIDE, name="bottom")
    if dropout:
        x = layers.Dropout(0.5, name="bottom_dropout2")(x)
    for level in reversed(range(LEVELS)):
        x = _up(x, skips[level], filters * 2**level, name=f"up{level + 1}")
    # A ReLU layer this narrow dies easily; a positive bias keeps both filters alive at first.
    x = _conv(x, 2, name="head", bias_initializer=keras.initializers.Constant(0.5))
    activation = "sigmoid" if classes == 1 else "softmax"
    # float32 also under a mixed-precision policy: probabilities are compared with a threshold
    mask = layers.Conv2D(classes, 1, activation=activation, dtype="float32", name="probability")(x)
    return keras.Model(image, mask, name="unet")


def _conv(x, filters: int, name: str, bias_initializer="zeros"):
    return layers.Conv2D(
        filters,
        3,
        padding="same",
        activation="relu",
        kernel_initializer="he_normal",
        bias_initializer=bias_initializer,
        name=name,
    )(x)


def _down(x, filters: int, name: str):
    """(N, H, W, C) -> (N, H, W, filters)."""
    x = _conv(x, filters, f"{name}_conv1")
    x = _conv(x, filters, f"{name}_conv2")
    return layers.BatchNormalization(name=f"{name}_norm")(x)


def _up(x, skip, filters: int, name: str):
    """(N, H, W, C) -> (N, 2H, 2W, filters), with the skip of that size joined in."""
    x = layers.UpSampling2D(2, interpolation="nearest", name=f"{name}_upsample")(x)
    x = _conv(x, filters, f"{name}_conv0")
    x = layers.Concatenate(name=f"{name}_join")([skip, x])
    x = _conv(x, filters, f"{name}_conv1")
    return _conv(x, filters, f"{name}_conv2")
