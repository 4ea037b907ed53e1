package unet;

import com.amazonaws.ml.mms.ModelServer;
import com.amazonaws.ml.mms.ServerInitializer;
import com.amazonaws.ml.mms.servingsdk.impl.PluginsManager;
import com.amazonaws.ml.mms.util.ConfigManager;
import com.amazonaws.ml.mms.util.Connector;
import com.amazonaws.ml.mms.util.ConnectorType;
import com.amazonaws.ml.mms.wlm.Model;
import com.amazonaws.ml.mms.wlm.ModelManager;
import com.amazonaws.ml.mms.wlm.WorkerState;
import com.amazonaws.ml.mms.wlm.WorkerThread;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.handler.ssl.SslContext;
import io.netty.util.internal.logging.InternalLoggerFactory;
import io.netty.util.internal.logging.Slf4JLoggerFactory;
import java.io.IOException;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.commons.cli.DefaultParser;
import org.apache.commons.cli.ParseException;

/**
 * Multi Model Server (MMS) that drains on SIGTERM and keeps its management API to itself.
 *
 * <p>MMS drops every request when it is stopped, and endpoint plugins see neither connections nor
 * requests under way. Only the code that opens the listening sockets does, hence this subclass.
 */
public final class Server extends ModelServer {

    static final boolean MULTI_MODEL = "true".equals(System.getenv("SAGEMAKER_MULTI_MODEL"));

    private final ConfigManager config;
    private final Bodies bodies = new Bodies();
    private final Drain drain;

    private Server(ConfigManager config) {
        super(config);
        this.config = config;
        double seconds = Double.parseDouble(System.getProperty("unet.drainSeconds", "25"));
        drain = new Drain(Duration.ofMillis((long) (1000 * seconds)));
        Runtime.getRuntime().addShutdownHook(new Thread(drain, "drain"));
    }

    /** What {@link ModelServer#main} does, for this class. */
    public static void main(String[] arguments) {
        try {
            ConfigManager.init(parse(arguments));
            PluginsManager.getInstance().initialize();
            InternalLoggerFactory.setDefaultFactory(Slf4JLoggerFactory.INSTANCE);
            new Server(ConfigManager.getInstance()).startAndWait();
        } catch (IllegalArgumentException | IllegalStateException | IOException e) {
            System.err.println(e.getMessage());
        } catch (Throwable t) {
            t.printStackTrace();
        } finally {
            System.exit(1);
        }
    }

    /**
     * The arguments that are meant for MMS. Its launcher has put those of a Java command before
     * them, up to the name of MMS's own main class: see java_arguments in entrypoint.py.
     */
    private static ConfigManager.Arguments parse(String[] arguments) throws ParseException {
        List<String> all = Arrays.asList(arguments);
        int start = all.indexOf(ModelServer.class.getName()) + 1;
        String[] own = all.subList(start, all.size()).toArray(new String[0]);
        return new ConfigManager.Arguments(
                new DefaultParser().parse(ConfigManager.Arguments.getOptions(), own));
    }

    /**
     * As in MMS, but a server that cannot serve ends; when a listener closes, the connections stay;
     * and no process is started each minute to collect metrics.
     */
    @Override
    public void startAndWait() throws InterruptedException, IOException, GeneralSecurityException {
        start();
        long heap = Runtime.getRuntime().maxMemory() >> 20;
        System.out.printf("Model server started, with a heap of up to %d MB.%n", heap);
        if (MULTI_MODEL) {
            unloadWhatDied();
        }
        Iterator<String> models = ModelManager.getInstance().getStartupModels().iterator();
        if (!models.hasNext()) {
            throw new IllegalStateException("No process could be started for the model");
        }
        watch(ModelManager.getInstance().getModels().get(models.next()));
    }

    /**
     * Returns only by an exception. A model that lost the process that forks its workers would hold
     * requests for ever; SageMaker loads it again when it is told 404.
     */
    private static void unloadWhatDied() throws InterruptedException {
        ModelManager models = ModelManager.getInstance();
        while (true) {
            for (Model model : models.getModels().values()) {
                WorkerThread server = model.getServerThread();
                Process forker = server == null ? null : server.getLifeCycle().getProcess();
                if (forker != null && !forker.isAlive()) {
                    System.out.printf("Unloading %s: its process ended.%n", model.getModelName());
                    models.unregisterModel(model.getModelName());
                }
            }
            TimeUnit.SECONDS.sleep(1);
        }
    }

    /**
     * Returns only by an exception: when no worker will ever serve the model.
     *
     * <p>MMS restarts a worker that ended, again and again; but not the process that forks them: the
     * thread that should do so fails at a null pointer, as it has no channel.
     */
    private void watch(Model model) throws InterruptedException {
        Process forker = model.getServerThread().getLifeCycle().getProcess();
        while (!forker.waitFor(200, TimeUnit.MILLISECONDS)) {
            for (WorkerThread worker : ModelManager.getInstance().getWorkers(model.getModelName())) {
                boolean everLoaded = worker.getPid() > 0; // known from the answer to LOAD
                if (!everLoaded && worker.getState() == WorkerState.WORKER_STOPPED) {
                    drain.waitForNothing();
                    throw new IllegalStateException("A worker ended while it loaded the model");
                }
            }
        }
        int status = forker.exitValue();
        throw new IllegalStateException("The process that starts workers ended: status " + status);
    }

    /**
     * As in MMS, but each connection is watched; the management API is not on the inference port
     * unless SageMaker uses it (multi-model mode); and closing does not discard what was not sent
     * yet (MMS sets SO_LINGER to 0).
     */
    @Override
    public ChannelFuture initializeServer(
            Connector connector, EventLoopGroup servers, EventLoopGroup workers, ConnectorType type)
            throws InterruptedException, IOException, GeneralSecurityException {
        boolean shared = type == ConnectorType.BOTH && !MULTI_MODEL;
        ConnectorType offered = shared ? ConnectorType.INFERENCE_CONNECTOR : type;
        SslContext ssl = connector.isSsl() ? config.getSslContext() : null;
        ServerBootstrap bootstrap =
                new ServerBootstrap()
                        .group(servers, workers)
                        .channel(connector.getServerChannel())
                        .option(ChannelOption.SO_BACKLOG, 1024)
                        .childOption(ChannelOption.SO_KEEPALIVE, true)
                        .childHandler(
                                new ServerInitializer(ssl, offered) {
                                    @Override
                                    public void initChannel(Channel channel) {
                                        super.initChannel(channel);
                                        Connection watch = new Connection(drain, bodies);
                                        channel.pipeline().addAfter("http", "watch", watch);
                                    }
                                });
        ChannelFuture bound = bootstrap.bind(connector.getSocketAddress()).await();
        if (!bound.isSuccess()) {
            String reason = bound.cause().getMessage();
            throw new IOException("Cannot listen on " + connector + ": " + reason);
        }
        drain.addListener(bound.channel());
        return bound.channel().closeFuture();
    }
}
