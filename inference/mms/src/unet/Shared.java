package unet;

/** What all connections of one server share. */
final class Shared {

    final Drain drain;
    final Limits limits;
    final Connections connections;
    final Memory bodies;
    final Memory arriving; // answers, from workers
    final Memory answers; // to clients
    final ModelRequests models;
    final LoadReasons reasons;
    final Documents documents;
    final Origins origins;
    final Waiting waiting;
    final Progress progress;
    final Unloaded unloaded;
    final ModelChanges changes;
    final Uses uses;
    final AccessLog log;

    Shared(
            Drain drain,
            Limits limits,
            Connections connections,
            Memory bodies,
            Memory arriving,
            Memory answers,
            ModelRequests models,
            LoadReasons reasons,
            Documents documents,
            Origins origins,
            Waiting waiting,
            Progress progress,
            Unloaded unloaded,
            ModelChanges changes,
            Uses uses,
            AccessLog log) {
        this.drain = drain;
        this.limits = limits;
        this.connections = connections;
        this.bodies = bodies;
        this.arriving = arriving;
        this.answers = answers;
        this.models = models;
        this.reasons = reasons;
        this.documents = documents;
        this.origins = origins;
        this.waiting = waiting;
        this.progress = progress;
        this.unloaded = unloaded;
        this.changes = changes;
        this.uses = uses;
        this.log = log;
    }
}
