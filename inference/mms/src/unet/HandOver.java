package unet;

import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.EventExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * Hands the requests of one connection to Multi Model Server (MMS), one at a time: at once, but for
 * one that unloads a model, which waits until nobody uses that any more.
 *
 * <p>All of it runs in the connection's event loop.
 */
final class HandOver {

    private final Shared shared;
    private final EventExecutor loop;
    private final Consumer<FullHttpRequest> mms;
    private PendingRequest own; // null: there is none
    private FullHttpRequest held; // null: MMS has it

    HandOver(Shared shared, EventExecutor loop, Consumer<FullHttpRequest> mms) {
        this.shared = shared;
        this.loop = loop;
        this.mms = mms;
    }

    /** @throws Refusal where MMS may not have it now */
    void begin(PendingRequest request, FullHttpRequest whole) throws Refusal {
        shared.changes.begin(request);
        shared.uses.begin(request);
        own = request;
        held = whole;
        Runnable whenUnused = () -> loop.execute(() -> handOn(request));
        if (request.unloadedModel().isEmpty() || shared.uses.unload(request, whenUnused)) {
            handOn(request);
        } else {
            long patience = shared.drain.limit().toMillis();
            loop.schedule(() -> handOn(request), patience, TimeUnit.MILLISECONDS);
        }
    }

    private void handOn(PendingRequest request) {
        if (own != request || held == null) {
            return; // it has ended, or was handed on when its time was up
        }
        FullHttpRequest whole = held;
        held = null;
        shared.unloaded.look();
        mms.accept(whole);
    }

    /** Whether there is a request that MMS has, or is to have. */
    boolean hasBegun() {
        return own != null;
    }

    /** The request is answered, or its client has gone. */
    void end() {
        if (own != null) {
            shared.uses.end(own);
            ReferenceCountUtil.release(held);
        }
        own = null;
        held = null;
    }
}
