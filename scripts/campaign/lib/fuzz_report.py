"""The report of a campaign of bodies, as Markdown."""

from .fuzzing import State


def report(state: State) -> str:
    """Its figures."""
    outcomes = sorted({name for counts in state.outcomes.values() for name in counts})
    lines = [
        f"{state.next:,} bodies, seed {state.seed}, made of {state.corpus_size[0]} sound ones "
        f"({state.corpus_size[1]:,} bytes; digest {state.corpus}), in {state.seconds / 60:.0f} "
        f"minutes, {state.cpu_seconds / 60:.0f} of them within the readers.",
        "",
        f"| made of | bodies | {' | '.join(outcomes)} |",
        f"|---|{'---:|' * (len(outcomes) + 1)}",
    ]
    for kind, counts in sorted(state.outcomes.items()):
        numbers = " | ".join(f"{counts.get(name, 0):,}" for name in outcomes)
        lines.append(f"| {kind} | {sum(counts.values()):,} | {numbers} |")
    total = [sum(counts.get(name, 0) for counts in state.outcomes.values()) for name in outcomes]
    lines.append(f"| **all** | {sum(total):,} | {' | '.join(f'{number:,}' for number in total)} |")
    lines += [
        "",
        f"Faults: {len(state.faults)}. Processes ended by a body: {state.ended}. The "
        f"most memory that was not free again after a batch of bodies: {state.growth >> 20} MiB.",
    ]
    for fault in state.faults:
        last = fault["fault"].strip().splitlines()[-1][:200]
        lines.append(f"- body {fault['number']} ({fault['kind']}): {last}")
    for what, worst, share in (
        ("time", state.slowest, "time_share"),
        ("memory", state.largest, "memory_share"),
    ):
        if worst:
            first = worst[0]
            lines.append(
                f"The largest share of its {what}: {100 * first[share]:.0f} %, body "
                f"{first['number']} ({first['kind']}), {first['seconds']:.2f} s of CPU, "
                f"{first['memory'] >> 20} MiB."
            )
    return "\n".join(lines) + "\n"
