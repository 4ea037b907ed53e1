package unet;

import com.amazonaws.ml.mms.ModelServer;
import com.amazonaws.ml.mms.util.ServerGroups;
import com.amazonaws.ml.mms.util.codec.ModelResponseDecoder;
import com.amazonaws.ml.mms.wlm.ModelManager;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.EventLoopGroup;
import java.lang.reflect.Field;
import java.lang.reflect.Proxy;
import java.nio.file.Paths;

/**
 * Puts handlers of ours into the connections between Multi Model Server (MMS) and its workers, for
 * which it has no place: it makes them itself, but on event loops that can be replaced before it
 * starts.
 */
final class WorkerConnections {

    private WorkerConnections() {}

    /**
     * @param server that has not been started
     * @param shared what they share with the connections of clients
     * @throws IllegalStateException MMS is another one
     */
    static void watch(ModelServer server, Shared shared) {
        try {
            ServerGroups groups = (ServerGroups) field(ModelServer.class, "serverGroups").get(server);
            Field backend = field(ServerGroups.class, "backendGroup");
            backend.set(groups, watched((EventLoopGroup) backend.get(groups), shared));
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(
                    "multi-model-server is not the one that this server was written for: " + e, e);
        }
    }

    private static Field field(Class<?> owner, String name) throws NoSuchFieldException {
        Field field = owner.getDeclaredField(name);
        field.setAccessible(true);
        return field;
    }

    /** The same group, but for the connections that are registered with it. */
    private static EventLoopGroup watched(EventLoopGroup group, Shared shared) {
        Pipes pipes =
                new Pipes(
                        Paths.get(System.getProperty("java.io.tmpdir")),
                        () -> ModelManager.getInstance().getWorkers().values());
        return (EventLoopGroup)
                Proxy.newProxyInstance(
                        WorkerConnections.class.getClassLoader(),
                        new Class<?>[] {EventLoopGroup.class},
                        (proxy, method, arguments) -> {
                            if (method.getName().equals("register")) {
                                addTo((Channel) arguments[0], shared, pipes);
                            }
                            return method.invoke(group, arguments);
                        });
    }

    /** MMS's own handlers are added when the channel is registered: ours are beside them. */
    private static void addTo(Channel channel, Shared shared, Pipes pipes) {
        channel.pipeline()
                .addLast(
                        new ChannelInitializer<Channel>() {
                            @Override
                            protected void initChannel(Channel registered) {
                                addBesideCodec(registered.pipeline(), shared, pipes);
                            }
                        });
    }

    private static void addBesideCodec(
            ChannelPipeline pipeline, Shared shared, Pipes pipes) {
        String codec = pipeline.context(ModelResponseDecoder.class).name();
        pipeline.addBefore(codec, "gate", new AnswerGate(shared.arriving));
        pipeline.addAfter(codec, "watch", new WorkerWatch(shared.waiting, pipes, shared.limits.computing()));
    }
}
