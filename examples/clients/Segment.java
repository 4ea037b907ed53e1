// Sends an image to the server, and writes what it answers. Needs Java 11 or later, and no package.
//
// java Segment.java http://127.0.0.1:8080/invocations cells.png mask.png
// java Segment.java "http://127.0.0.1:8080/invocations?output=labels&minimum=20" cells.png labels.png

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

public class Segment {
    /**
     * The body of the answer: a PNG for a PNG or a JPEG, a TIFF for a TIFF.
     *
     * @throws IOException the server is not there, or refused the image: the message says why, and what to do
     */
    static byte[] segment(String url, Path image) throws IOException, InterruptedException {
        var request = HttpRequest.newBuilder(URI.create(url))
                // the server looks at the first bytes to tell which kind of file this is
                .header("Content-Type", "application/octet-stream")
                .timeout(Duration.ofMinutes(10))
                .POST(BodyPublishers.ofFile(image))
                .build();
        var answer = HttpClient.newHttpClient().send(request, BodyHandlers.ofByteArray());
        if (answer.statusCode() != 200) {
            throw new IOException(new String(answer.body(), StandardCharsets.UTF_8)); // JSON with a message
        }
        answer.headers().firstValue("Warning").ifPresent(System.err::println);
        return answer.body();
    }

    public static void main(String[] arguments) throws InterruptedException {
        if (arguments.length != 3) {
            System.err.println("usage: java Segment.java URL IMAGE ANSWER");
            System.exit(1);
        }
        try {
            Files.write(Path.of(arguments[2]), segment(arguments[0], Path.of(arguments[1])));
        } catch (IOException error) {
            var message = error.getMessage();
            System.err.println(message == null ? arguments[0] + " cannot be reached" : message);
            System.exit(1);
        }
    }
}
