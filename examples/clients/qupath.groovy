// QuPath 0.4 or later: open an image, then Automate > Script editor, and run this.
// Sends the open image, or the part that is selected, to the server, and adds the objects that it finds.

import java.awt.geom.AffineTransform
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse
import java.nio.file.Files
import qupath.lib.io.PathIO

def url = "http://127.0.0.1:8080/invocations?output=geojson&minimum=20"
def downsample = 1.0 // 4.0 sends a quarter of the width and of the height

def server = getCurrentServer()
def selected = getSelectedROI()
def region = selected == null ?
        RegionRequest.createInstance(server, downsample) :
        RegionRequest.createInstance(server.getPath(), downsample, selected)

def file = Files.createTempFile("region", ".tif")
def answer
try {
    writeImageRegion(server, region, file.toString())
    def request = HttpRequest.newBuilder(URI.create(url))
            .header("Content-Type", "image/tiff")
            .header("Accept", "application/geo+json")
            .POST(HttpRequest.BodyPublishers.ofFile(file))
            .build()
    answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofByteArray())
} finally {
    Files.deleteIfExists(file)
}
if (answer.statusCode() != 200)
    throw new IOException(new String(answer.body(), "UTF-8"))

// from pixels of what was sent to those of the image, on the plane that was sent
def place = new AffineTransform(downsample, 0, 0, downsample, region.getX(), region.getY())
def objects = PathIO.readObjectsFromGeoJSON(new ByteArrayInputStream(answer.body())).collect {
    PathObjectTools.updatePlane(PathObjectTools.transformObject(it, place, true), region.getImagePlane(), true, true)
}
addObjects(objects)
println "added ${objects.size()} objects"
