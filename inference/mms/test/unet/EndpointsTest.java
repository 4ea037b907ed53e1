package unet;

import static unet.TestConnection.text;

import com.amazonaws.ml.mms.ServerInitializer;
import com.amazonaws.ml.mms.servingsdk.impl.ModelServerResponse;
import com.amazonaws.ml.mms.servingsdk.impl.PluginsManager;
import com.amazonaws.ml.mms.util.ConfigManager;
import com.amazonaws.ml.mms.util.ConnectorType;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.FullHttpResponse;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import software.amazon.ai.mms.servingsdk.ModelServerEndpoint;

/** What MMS finds in the jar, and asks. */
final class EndpointsTest {

    private final FullHttpResponse response = TestConnection.response(200, "");

    EndpointsTest() throws IOException {
        Path file = Files.createTempFile("mms", ".properties");
        Files.writeString(file, "max_request_size=7340032\ndefault_workers_per_model=3\n");
        ConfigManager.Arguments arguments = new ConfigManager.Arguments();
        arguments.setMmsConfigFile(file.toString());
        ConfigManager.init(arguments);
        PluginsManager.getInstance().initialize();
    }

    @Test
    void mmsFindsThem() {
        Check.equal(
                Set.of("ping", "execution-parameters"),
                PluginsManager.getInstance().getInferenceEndpoints().keySet());
        Check.equal(Set.of(), PluginsManager.getInstance().getManagementEndpoints().keySet());
    }

    @Test
    void connectionsOfMmsHaveAPlaceForTheExchange() {
        ServerInitializer initializer =
                new ServerInitializer(null, ConnectorType.INFERENCE_CONNECTOR);
        EmbeddedChannel channel = new EmbeddedChannel(initializer);
        List<String> names = channel.pipeline().names();
        Check.equal(List.of("http", "aggregator", "handler"), names.subList(0, 3));
    }

    @Test
    void executionParametersFollowTheConfiguration() throws IOException {
        get(PluginsManager.getInstance().getInferenceEndpoints().get("execution-parameters"));
        Check.equal(
                "{\"MaxConcurrentTransforms\": 3, \"BatchStrategy\": \"SINGLE_RECORD\","
                        + " \"MaxPayloadInMB\": 7}\n",
                text(response));
        Check.equal("application/json", TestConnection.header(response, "content-type"));
    }

    @Test
    void pingIsHealthyWhenAllModelsAreLoaded() throws IOException {
        checkPing(200, false, models(Set.of("a", "b"), Set.of("a", "b")));
        Check.equal("{\"status\": \"Healthy\"}\n", text(response));
    }

    @Test
    void pingIsUnhealthyWhileAModelIsNotLoaded() throws IOException {
        checkPing(503, false, models(Set.of("a", "b"), Set.of("a")));
        Check.contains("\"message\": \"no worker has the model loaded yet", text(response));
    }

    @Test
    void pingIsUnhealthyWithoutModels() throws IOException {
        checkPing(503, false, models(Set.of(), Set.of()));
    }

    @Test
    void pingIsHealthyInMultiModelModeWhateverTheModels() throws IOException {
        checkPing(200, true, models(Set.of(), Set.of()));
    }

    private void checkPing(int status, boolean multiModel, Ping.Models models) throws IOException {
        get(new Ping(multiModel, models));
        Check.equal(status, response.status().code());
        Check.equal("application/json", TestConnection.header(response, "content-type"));
    }

    private void get(ModelServerEndpoint endpoint) throws IOException {
        endpoint.doGet(null, new ModelServerResponse(response), null);
    }

    private static Ping.Models models(Set<String> atStartup, Set<String> loaded) {
        return new Ping.Models() {
            @Override
            public Set<String> atStartup() {
                return atStartup;
            }

            @Override
            public boolean isLoaded(String name) {
                return loaded.contains(name);
            }
        };
    }
}
