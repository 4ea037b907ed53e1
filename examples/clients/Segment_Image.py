"""Fiji and ImageJ: sends the open image, or stack, to the server, and shows its mask.

Open this file in Fiji (File > Open...), choose the language Python (Jython), and run it; in
Fiji.app/scripts/Plugins/ it is a command of the menu Plugins. It needs ImageJ 1.52 or later.
"""

from ij import IJ
from ij.io import FileSaver, Opener
from java.net import URL
from java.util import Scanner

SERVER = "http://127.0.0.1:8080/invocations?output=mask"


def segment(image):
    """The answer to an ImagePlus, as another one."""
    connection = URL(SERVER).openConnection()
    connection.setRequestMethod("POST")
    connection.setRequestProperty("Content-Type", "image/tiff")
    connection.setRequestProperty("Accept", "image/tiff")  # else Java asks for JPEG
    connection.setDoOutput(True)
    body = connection.getOutputStream()
    body.write(FileSaver(image).serialize())  # as a TIFF, with the size of a pixel and the axes
    body.close()
    if connection.getResponseCode() != 200:
        message = Scanner(connection.getErrorStream(), "UTF-8").useDelimiter("\\A").next()
        raise OSError(message)  # JSON, which says what came, what the rule is, and what to do
    return Opener().openTiff(connection.getInputStream(), "mask of " + image.getTitle())


segment(IJ.getImage()).show()
