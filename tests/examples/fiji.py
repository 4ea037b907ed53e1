"""Runs the script for Fiji as its menu would: on an image that is open. For Jython, with ImageJ.

Arguments: the script, an image to open, and the file for the image that the script shows.
"""

import sys

from ij import IJ, WindowManager
from ij.io import FileSaver
from ij.macro import Interpreter

script, image, shown = sys.argv[1:]
Interpreter.batchMode = True  # images are shown without windows
opened = IJ.openImage(image)
WindowManager.setTempCurrentImage(opened)
with open(script) as file:
    exec(file.read(), {"__name__": "__main__"})
answer = WindowManager.getCurrentImage()
if answer is opened:
    sys.exit("the script showed nothing")
FileSaver(answer).saveAsTiff(shown)
