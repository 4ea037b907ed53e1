package unet;

import com.amazonaws.ml.mms.util.messages.RequestInput;
import com.amazonaws.ml.mms.util.messages.WorkerCommands;
import com.amazonaws.ml.mms.wlm.Job;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.FullHttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

final class UnloadedTest {

    private final Collection<Job> queue = new ArrayDeque<>();
    private final Collection<Collection<Job>> models = new ArrayList<>(List.of(queue));
    private final Unloaded unloaded = new Unloaded(() -> models);
    private final ChannelInboundHandlerAdapter client = new ChannelInboundHandlerAdapter();
    private final EmbeddedChannel connection = new EmbeddedChannel(client);

    @Test
    void whoWaitsForAModelThatIsThereWaitsOn() {
        queue.add(job(WorkerCommands.PREDICT));
        unloaded.answer();
        Check.equal(1, queue.size());
    }

    @Test
    void whoWaitsForAModelThatWasUnloadedIsTold() {
        unloaded.answer();
        queue.add(job(WorkerCommands.PREDICT));
        models.clear();
        unloaded.answer();
        FullHttpResponse answer = connection.readOutbound();
        Check.equal(404, answer.status().code());
        String text = answer.content().toString(StandardCharsets.UTF_8);
        Check.that(text.contains("cells"), text);
        Check.that(text.contains("was unloaded while the request waited"), text);
        Check.equal(0, queue.size());
    }

    @Test
    void aModelThatWasThereForAMomentIsRemembered() {
        unloaded.look();
        queue.add(job(WorkerCommands.PREDICT));
        models.clear();
        unloaded.answer();
        Check.equal(0, queue.size());
    }

    @Test
    void whoComesAMomentLaterIsToldToo() {
        unloaded.answer();
        models.clear();
        unloaded.answer();
        queue.add(job(WorkerCommands.PREDICT));
        unloaded.answer();
        Check.equal(0, queue.size());
    }

    @Test
    void nothingIsKeptForEver() {
        unloaded.answer();
        models.clear();
        for (int look = 0; look < 10; look++) {
            unloaded.answer();
        }
        queue.add(job(WorkerCommands.PREDICT));
        unloaded.answer();
        Check.equal(1, queue.size());
    }

    @Test
    void whatNoClientWaitsForIsLeft() {
        unloaded.answer();
        queue.add(job(WorkerCommands.LOAD));
        models.clear();
        unloaded.answer();
        Check.equal(1, queue.size());
    }

    private Job job(WorkerCommands command) {
        ChannelHandlerContext context = connection.pipeline().context(client);
        return new Job(context, "cells", command, new RequestInput("a"));
    }
}
