package unet;

import java.io.IOException;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** log4j2.xml, which the tests run with. */
final class LogConfigurationTest {

    private final Logger workers;

    LogConfigurationTest() throws IOException {
        workers = LoggerFactory.getLogger(Vector.name("logger", "worker"));
        Output.takeLines();
    }

    @Test
    void linesOfWorkersAreAsTheyWereWritten() {
        workers.info("{\"status\": 200}");
        workers.warn("Traceback (most recent call last):");
        Check.equal(
                List.of("{\"status\": 200}", "Traceback (most recent call last):"),
                Output.takeLines());
    }

    @Test
    void whatMmsSaysOfItsWorkersIsLeftOut() {
        workers.info("model_service_worker started with args: --sock-type unix");
        workers.info("Listening on port: /tmp/.mms.sock.9000");
        workers.info("[PID] 17");
        workers.info("Python runtime: 3.11.2");
        workers.info("Model model loaded io_fd=0242acfffe110002-0-1");
        Check.equal(List.of(), Output.takeLines());
    }

    @Test
    void mmsItselfIsQuiet() {
        Logger mms = LoggerFactory.getLogger("com.amazonaws.ml.mms.ModelServer");
        mms.info("Initialize Inference server with: EpollServerSocketChannel.");
        mms.warn("something is wrong");
        List<String> lines = Output.takeLines();
        Check.equal(1, lines.size());
        Check.contains(" WARN mms: something is wrong", lines.get(0));
    }

    @Test
    void whatFollowsAnErrorHasALineOfItsOwn() {
        Logger mms = LoggerFactory.getLogger("com.amazonaws.ml.mms.ModelServer");
        mms.error("something failed", new IllegalStateException("why"));
        mms.warn("something else");
        List<String> lines = Output.takeLines();
        Check.equal(5, lines.size()); // the message, three of its trace, and the other one
        Check.contains("IllegalStateException: why", lines.get(1));
        Check.contains(" WARN mms: something else", lines.get(4));
        Check.that(!lines.get(3).contains("WARN"), lines.get(3));
    }

    @Test
    void mmsOwnLogsAreOff() {
        for (String name : new String[] {"ACCESS_LOG", "MODEL_METRICS", "MMS_METRICS"}) {
            LoggerFactory.getLogger(name).error("a line");
        }
        Check.equal(List.of(), Output.takeLines());
    }
}
