package unet;

/** What all connections of one server share. */
final class Shared {

    final Drain drain;
    final Limits limits;
    final Connections connections;
    final Memory bodies;
    final Memory answers;
    final ModelRequests models;
    final LoadReasons reasons;
    final AccessLog log;

    Shared(
            Drain drain,
            Limits limits,
            Connections connections,
            Memory bodies,
            Memory answers,
            ModelRequests models,
            LoadReasons reasons,
            AccessLog log) {
        this.drain = drain;
        this.limits = limits;
        this.connections = connections;
        this.bodies = bodies;
        this.answers = answers;
        this.models = models;
        this.reasons = reasons;
        this.log = log;
    }
}
