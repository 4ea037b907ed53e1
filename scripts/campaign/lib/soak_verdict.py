"""What happened in a soak, and what is judged of it."""

import json
from dataclasses import dataclass, field

import numpy as np

from .clients import HUNG, LOST, RIGHT, WRONG, Record
from .faults import Fault
from .servers import Held

COUNTED = ("processes", "descriptors", "files")
NOTICED = 0.1  # seconds until Java knows of the end of a worker
MEMORY_GROWTH = 1.10  # of the last quarter above the second one
REPLACED = 4  # descriptors more that a worker may hold that took the place of another
LEAST_LOOKS = 120  # from which memory is judged: of four minutes


@dataclass(frozen=True)
class Plan:
    """How long and how hard.

    Attributes:
        minutes: for which clients ask.
        clients: how many, of both servers together.
        every: seconds from one fault to the next.
        seed: of what is asked, and in which order.
        most_faults: that are made; None: as long as it runs.
    """

    minutes: float = 3.0
    clients: int = 32
    every: float = 20.0
    seed: int = 0
    most_faults: int | None = None


@dataclass
class Soak:
    """What happened.

    Attributes:
        names: of the servers.
        seconds: that clients asked.
        records: of all requests.
        faults: that were made.
        seen: what each server held, every few seconds.
        before, after: what each server held without clients.
        new_files: the names of files that each server had only afterwards.
        failures: why it failed; none: it did not.
        excused: how many requests were lost to each fault that may cost one.
        started: when the soak began, as ``time.monotonic`` tells it.
    """

    names: list[str]
    seconds: float = 0.0
    records: list[Record] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    seen: list[list[Held]] = field(default_factory=list)
    before: list[Held] = field(default_factory=list)
    after: list[Held] = field(default_factory=list)
    new_files: list[list[str]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    excused: list[int] = field(default_factory=list)
    started: float = 0.0

    def of(self, result: str) -> list[Record]:
        return [record for record in self.records if record.result == result]


def judge(soak: Soak) -> None:
    """Say what is wrong with what happened."""
    excuse(soak)
    lost = len(soak.of(LOST)) - sum(soak.excused)
    if lost:
        soak.failures.append(f"{lost} requests were lost outside of the faults")
    if hung := sum(record.told == HUNG for record in soak.records):
        soak.failures.append(f"{hung} requests waited for an answer that never came")
    if wrong := len(soak.of(WRONG)):
        soak.failures.append(f"{wrong} answers were wrong")
    if not soak.of(RIGHT):
        soak.failures.append("no request was answered")
    soak.failures += [
        f"the server was not well again after: {fault.name}"
        for fault in soak.faults
        if not fault.recovered
    ]
    for number, (was, held) in enumerate(zip(soak.before, soak.after, strict=True)):
        for what in more(was, held):
            new = soak.new_files[number] if what == "files" and soak.new_files else []
            soak.failures.append(
                f"the server of {soak.names[number]} holds {getattr(held, what)} {what}, and held "
                f"{getattr(was, what)} at the beginning {' '.join(new[:5])}".strip()
            )
    for name, seen in zip(soak.names, soak.seen, strict=True):
        if len(seen) >= LEAST_LOOKS and (grown := growth(seen)) > MEMORY_GROWTH:
            soak.failures.append(f"the server of {name} grew to {grown:.2f} times its memory")


def more(was: Held, held: Held) -> list[str]:
    """What a server holds more of than before, but for what a worker inherits from another."""
    spare = {"descriptors": REPLACED * was.processes}
    return [
        what for what in COUNTED if getattr(held, what) > getattr(was, what) + spare.get(what, 0)
    ]


def growth(seen: list[Held]) -> float:
    """The memory of the last quarter of a soak, divided by that of the second: medians."""
    quarter = len(seen) // 4
    memory = [held.memory for held in seen]
    return float(np.median(memory[-quarter:]) / np.median(memory[quarter : 2 * quarter]))


def excuse(soak: Soak) -> None:
    """Count for each fault the lost requests that it explains; each request counts once.

    A worker that is ended explains as many as it was computing, of those in flight at that moment;
    a model that is unloaded all that asked for it until it was loaded again; and Java that is
    killed all that its server was asked until it served again.
    """
    left = soak.of(LOST)
    soak.excused = []
    for fault in soak.faults:
        found = [record for record in left if _explains(fault, record)]
        found = found if fault.model or fault.everything else found[: fault.may_lose]
        soak.excused.append(len(found))
        left = [record for record in left if record not in found]


def _explains(fault: Fault, record: Record) -> bool:
    if record.server != fault.server:
        return False
    if fault.model or fault.everything:
        asked = fault.everything or record.model == fault.model
        return asked and record.end > fault.begin and record.begin < fault.end
    # until Java notices that a worker has ended, it hands it another one
    return fault.struck is not None and record.begin - NOTICED <= fault.struck <= record.end


def lines_of_lost(soak: Soak) -> str:
    """The lost and the wrong ones, a line of JSON each."""
    chosen = [record for record in soak.records if record.result != RIGHT]
    return "".join(json.dumps(vars(record)) + "\n" for record in chosen)
