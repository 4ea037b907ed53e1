package unet;

import com.amazonaws.ml.mms.http.ErrorResponse;
import com.amazonaws.ml.mms.util.JsonUtils;
import com.google.gson.JsonParseException;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Why models could not be loaded, in multi-model mode. MMS only answers "Failed to start workers";
 * the worker has written the reason into a file: load_errors.py.
 */
final class LoadReasons {

    private static final Logger LOG = LoggerFactory.getLogger(LoadReasons.class);
    private static final String LOG_LISTS = "; the log lists what is there";

    private final Optional<Path> folder;

    /** @param folder where workers write; empty where clients load no models */
    LoadReasons(Optional<Path> folder) {
        this.folder = folder;
    }

    /** @return an answer with the reason, or {@code answer} itself where no reason is known */
    FullHttpResponse explain(PendingRequest request, FullHttpResponse answer) {
        boolean failed = answer.status().code() >= HttpResponseStatus.INTERNAL_SERVER_ERROR.code();
        if (!failed || folder.isEmpty()) {
            return answer;
        }
        return request.modelName()
                .flatMap(this::takeReason)
                .map(reason -> Answers.replace(answer, answer(reason)))
                .orElse(answer);
    }

    /** The file, in the folder of load errors, with the reason why a model could not be loaded. */
    static String fileName(String modelName) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            byte[] hash = digest.digest(modelName.getBytes(StandardCharsets.UTF_8));
            return String.format("%064x", new BigInteger(1, hash));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every Java has it
        }
    }

    /** Reads and removes the file: the next attempt to load the model may end otherwise. */
    private Optional<ErrorResponse> takeReason(String modelName) {
        Path file = folder.orElseThrow().resolve(fileName(modelName));
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        try {
            String json = new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
            Files.delete(file);
            return Optional.ofNullable(JsonUtils.GSON.fromJson(json, ErrorResponse.class));
        } catch (IOException | JsonParseException e) {
            LOG.error("cannot read why model {} was not loaded", modelName, e);
            return Optional.empty();
        }
    }

    /** What else the folder holds is in the log of the worker, and not for whoever asks. */
    private static FullHttpResponse answer(ErrorResponse reason) {
        HttpResponseStatus status = HttpResponseStatus.valueOf(reason.getCode());
        String message = Contract.LISTING.matcher(reason.getMessage()).replaceFirst(LOG_LISTS);
        return Answers.error(status, reason.getType(), message);
    }
}
