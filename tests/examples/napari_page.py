"""Opens an image in napari, presses the widget's button, and saves the labels. For napari's Python.

Arguments: the folder of the widget, the URL of the server, the image, and the file for the labels.
"""

import sys

import napari
import numpy as np

folder, url, image, out = sys.argv[1:]
sys.path.insert(0, folder)
from napari_widget import segment  # noqa: E402

viewer = napari.Viewer()
viewer.window.add_dock_widget(segment, name="Segment")
viewer.open(image)
segment.url.value = url
segment.call_button.native.click()
labels = viewer.layers[-1]
np.savez(out, labels=labels.data, kind=type(labels).__name__, layers=len(viewer.layers))
viewer.close()
