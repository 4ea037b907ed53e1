package unet;

import com.amazonaws.ml.mms.ModelServer;
import com.amazonaws.ml.mms.ServerInitializer;
import com.amazonaws.ml.mms.servingsdk.impl.PluginsManager;
import com.amazonaws.ml.mms.util.ConfigManager;
import com.amazonaws.ml.mms.util.Connector;
import com.amazonaws.ml.mms.util.ConnectorType;
import com.amazonaws.ml.mms.util.NettyUtils;
import com.amazonaws.ml.mms.wlm.ModelManager;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.epoll.EpollChannelOption;
import io.netty.channel.epoll.EpollEventLoopGroup;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.ssl.SslContext;
import io.netty.util.internal.logging.InternalLoggerFactory;
import io.netty.util.internal.logging.Slf4JLoggerFactory;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.security.GeneralSecurityException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.apache.commons.cli.DefaultParser;
import org.slf4j.LoggerFactory;

/**
 * Multi Model Server (MMS) that drains on SIGTERM and keeps its management API to itself.
 *
 * <p>MMS drops every request when it is stopped, and endpoint plugins see neither connections nor
 * requests under way. Only the code that opens the listening sockets does, hence this subclass.
 */
public final class Server extends ModelServer {

    private static final int PART = 64 * 1024; // bytes of a body that are handed on together
    private static final long UNSENT = 128 * 1024; // bytes

    private final ConfigManager config;
    private final boolean multiModel;
    private final Drain drain;
    private final Shared shared;

    private Server(ConfigManager config, boolean multiModel, Drain drain) throws IOException {
        super(config);
        this.config = config;
        this.multiModel = multiModel;
        this.drain = drain;
        // A body is held up to three times: as it came, as it goes to the worker, and, outside of
        // the heap, as it goes to the kernel; an answer likewise. Java grants as much outside.
        long fifth = Runtime.getRuntime().maxMemory() / 5;
        shared =
                new Shared(
                        drain,
                        Limits.ofProperties(config.getMaxRequestSize()),
                        new Connections(Limits.connections()),
                        new Memory(fifth),
                        new Memory(fifth),
                        new Memory(fifth),
                        new ModelRequests(
                                Optional.ofNullable(config.getMmsDefaultServiceHandler())),
                        new LoadReasons(multiModel ? folder(Contract.LOAD_ERRORS_VARIABLE) : Optional.empty()),
                        Documents.ofProperties(),
                        Origins.ofProperty(),
                        new Waiting(
                                folder(Contract.GONE_VARIABLE),
                                Waiting.queuesOfMms(),
                                NettyUtils::getRequestId),
                        new Progress(folder(Contract.PROGRESS_VARIABLE)),
                        new Unloaded(Waiting.queuesOfMms()),
                        new ModelChanges(ModelChanges::isSettledInMms),
                        new Uses(),
                        new AccessLog(LoggerFactory.getLogger(Contract.ACCESS_LOGGER)));
        WorkerConnections.watch(this, shared);
    }

    /** What {@link ModelServer#main} does, for this class. */
    public static void main(String[] arguments) {
        try {
            String[] own = argumentsOfMms(arguments);
            ConfigManager.init(
                    new ConfigManager.Arguments(
                            new DefaultParser().parse(ConfigManager.Arguments.getOptions(), own)));
            PluginsManager.getInstance().initialize();
            InternalLoggerFactory.setDefaultFactory(Slf4JLoggerFactory.INSTANCE);
            Drain drain = new Drain(Limits.seconds(Contract.DRAIN_SECONDS_PROPERTY, "25"));
            Runtime.getRuntime().addShutdownHook(new Thread(drain, "drain"));
            new Server(ConfigManager.getInstance(), Contract.isMultiModel(), drain).startAndWait();
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
     * them, up to the name of MMS's own main class: docs/contract.md.
     */
    static String[] argumentsOfMms(String[] arguments) {
        List<String> all = Arrays.asList(arguments);
        int start = all.indexOf(ModelServer.class.getName()) + 1;
        return all.subList(start, all.size()).toArray(new String[0]);
    }

    private static Optional<Path> folder(String variable) {
        return Optional.ofNullable(System.getenv(variable)).map(Paths::get);
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
        ModelWatch watch = new ModelWatch(ModelManager.getInstance(), shared);
        if (multiModel) {
            watch.unloadDeadModels();
        } else {
            watch.awaitFailure();
        }
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
        boolean hideManagement = type == ConnectorType.BOTH && !multiModel;
        SslContext ssl = connector.isSsl() ? config.getSslContext() : null;
        ServerBootstrap bootstrap =
                new ServerBootstrap()
                        .group(servers, workers)
                        .channel(connector.getServerChannel())
                        .option(ChannelOption.SO_BACKLOG, 1024)
                        .childOption(ChannelOption.SO_KEEPALIVE, true)
                        .childOption(ChannelOption.ALLOW_HALF_CLOSURE, true)
                        .childHandler(
                                connections(
                                        ssl,
                                        hideManagement ? ConnectorType.INFERENCE_CONNECTOR : type));
        if (addressOf(connector) instanceof InetSocketAddress && workers instanceof EpollEventLoopGroup) {
            // the kernel takes less at once, so that it is seen when a client reads
            bootstrap.childOption(EpollChannelOption.TCP_NOTSENT_LOWAT, UNSENT);
        }
        SocketAddress address = addressOf(connector);
        ChannelFuture bound = bootstrap.bind(address).await();
        if (!bound.isSuccess()) {
            String reason = bound.cause().getMessage();
            throw new IOException(
                    String.format(
                            "Cannot listen on %s: %s; SAGEMAKER_BIND_TO_PORT names the port",
                            urlOf(connector), reason));
        }
        drain.addListener(bound.channel());
        return bound.channel().closeFuture();
    }

    /** MMS takes no ports above 32766: the one to listen on is told beside. */
    private static SocketAddress addressOf(Connector connector) {
        Integer port = Integer.getInteger(Contract.PORT_PROPERTY);
        SocketAddress address = connector.getSocketAddress();
        return port != null && address instanceof InetSocketAddress
                ? new InetSocketAddress(((InetSocketAddress) address).getHostString(), port)
                : address;
    }

    private static String urlOf(Connector connector) {
        Integer port = Integer.getInteger(Contract.PORT_PROPERTY);
        String url = connector.toString();
        return port == null ? url : url.replaceFirst(":[0-9]+$", ":" + port);
    }

    private ChannelInitializer<Channel> connections(SslContext ssl, ConnectorType type) {
        boolean management = type != ConnectorType.INFERENCE_CONNECTOR;
        Admission admission = new Admission(drain::hasBegun, management, shared);
        return new ServerInitializer(ssl, type) {
            @Override
            public void initChannel(Channel channel) {
                super.initChannel(channel);
                addTo(channel.pipeline(), shared, admission);
            }
        };
    }

    /** Puts our handlers around the HTTP codec. */
    static void addTo(ChannelPipeline pipeline, Shared shared, Admission admission) {
        Framing framing = new Framing(shared.connections, shared.limits);
        pipeline.replace("http", "http", new HttpServerCodec(Head.LARGEST, Head.LARGEST, PART));
        pipeline.addBefore("http", "framing", framing);
        pipeline.addAfter("http", "exchange", new Exchange(framing, shared, admission));
    }
}
