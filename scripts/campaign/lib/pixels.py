"""The pixels of which sound files are made."""

import numpy as np

H, W = 20, 33
GRAY = (np.arange(H * W).reshape(H, W) * 7 % 256).astype(np.uint8)
RGB = np.stack([GRAY, GRAY // 2, 255 - GRAY], axis=-1)
RGBA = np.dstack([RGB, np.full((H, W), 255, np.uint8)])
STACK = np.stack([GRAY, 255 - GRAY, GRAY // 2])
GRAY16 = GRAY.astype(np.uint16) * 257
FLOATS = (GRAY / 255).astype(np.float32)
LARGE = np.zeros((1500, 1600), np.uint8)  # which any coding makes small
LARGE[400:900, 300:700] = 9
