"""A campaign of bodies: a child process judges them, and this one counts, and sees the child end.

What was done is kept in a file, so that a campaign can go on in another run.
"""

import contextlib
import faulthandler
import json
import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil

from segmentation import machine

from . import seeds
from .cases import Case, Cases
from .judging import Judge, Verdict, granted

BATCH = 50_000  # bodies after which a new child goes on
ADDRESSES = 4 << 30  # bytes that a child may take beside those that it begins with
HANG_SECONDS = 120.0  # of CPU, for one body
WARM = 1000  # bodies after which a child has loaded all that it needs
# bytes that a child may hold more at its end than when it was warm: the heap comes and goes by
# tens of MiB between one body and the next, and after a million bodies by no more
MOST_GROWTH = 128 << 20
WORST = 10  # that are remembered
SAVE_SECONDS = 10.0


@dataclass
class State:
    """What a campaign has done so far.

    Attributes:
        seed, corpus: what its bodies are made of: the seed of damage, the digest of the corpus.
        corpus_size: how many sound bodies, and their bytes.
        next: the number of the next body.
        seconds: that it took; cpu_seconds: of the readers, in all.
        outcomes: how often each was seen, by the kind of the bodies.
        faults: what is wrong, with the number of the body.
        slowest, largest: the bodies that took the largest share of their time, and memory.
        growth: the most bytes that a child held more at the end of a batch than when it was warm.
        ended: how often a child ended by itself.
    """

    seed: int
    corpus: str
    corpus_size: tuple[int, int] = (0, 0)
    next: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    outcomes: dict[str, dict[str, int]] = field(default_factory=dict)
    faults: list[dict[str, Any]] = field(default_factory=list)
    slowest: list[dict[str, Any]] = field(default_factory=list)
    largest: list[dict[str, Any]] = field(default_factory=list)
    growth: int = 0
    ended: int = 0

    def add(self, number: int, kind: str, verdict: Verdict) -> None:
        """Count one body."""
        counts = self.outcomes.setdefault(kind, {})
        counts[verdict.outcome] = counts.get(verdict.outcome, 0) + 1
        self.cpu_seconds += verdict.seconds
        told = {"number": number, "kind": kind} | asdict(verdict)
        if verdict.fault:
            self.faults.append(told)
        _keep_worst(self.slowest, told, "time_share")
        _keep_worst(self.largest, told, "memory_share")

    def add_growth(self, size: int) -> None:
        """Note how many bytes a child held more at the end of its bodies than when it was warm."""
        self.growth = max(self.growth, size)
        if size > MOST_GROWTH:
            fault = f"{size:,} bytes of memory were never free again, of the bodies up to this one"
            self.faults.append({"number": self.next - 1, "kind": "all", "fault": fault})

    def save(self, path: Path) -> None:
        """Write it as a whole, or not at all."""
        new = path.with_suffix(".new")
        new.write_text(json.dumps(asdict(self), indent=1))
        new.replace(path)

    @classmethod
    def load(cls, path: Path) -> "State":
        return cls(**json.loads(path.read_text()))


def _keep_worst(worst: list[dict[str, Any]], told: dict[str, Any], share: str) -> None:
    if len(worst) < WORST or told[share] > worst[-1][share]:
        worst.append({key: value for key, value in told.items() if key != "fault"})
        worst.sort(key=lambda one: -one[share])
        del worst[WORST:]


def run(
    state: State,
    bodies: int,
    folder: Path | None,
    out: Path,
    done: Callable[[int], object] = lambda number: None,
) -> None:
    """Go on with a campaign until so many bodies in all were judged.

    Args:
        folder: of further files for the corpus.
        out: where the state and the bodies that show faults are written.
        done: told how many more were judged.
    """
    out.mkdir(parents=True, exist_ok=True)
    cases = Cases(seeds.corpus(folder), state.seed)
    saved = begin = time.monotonic()
    try:
        while state.next < bodies:
            last = min(bodies, state.next + BATCH)
            with _child(state.seed, folder, state.next, last, out) as (process, connection):
                while state.next < last:
                    number = state.next
                    lives = _next(state, process, connection)
                    if not lives:
                        _ended(state, process, cases[number], out)
                    elif state.faults and state.faults[-1]["number"] == number:
                        save(cases[number], out)
                    done(state.next - number)
                    if time.monotonic() > saved + SAVE_SECONDS:
                        state.seconds += time.monotonic() - begin
                        saved = begin = time.monotonic()
                        state.save(out / "state.json")
                    if not lives:  # another child goes on
                        break
                else:
                    state.add_growth(connection.recv())
    finally:
        state.seconds += time.monotonic() - begin
        state.save(out / "state.json")


def judged_alone(case: Case, out: Path) -> Verdict:
    """The verdict of one body, in a child of its own."""
    out.mkdir(parents=True, exist_ok=True)
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_judge_one, args=(case, theirs, out))
    process.start()
    theirs.close()
    try:
        return ours.recv()
    except EOFError:
        process.join()
        return Verdict("fault", f"the process ended with {process.exitcode}", 0, 0, 0, 0)
    finally:
        process.join()


@contextlib.contextmanager
def _child(seed: int, folder: Path | None, first: int, last: int, out: Path):
    ours, theirs = multiprocessing.Pipe(duplex=False)
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_judge_all, args=(seed, folder, first, last, theirs, out))
    process.start()
    theirs.close()
    try:
        yield process, ours
    except BaseException:
        process.kill()
        raise
    finally:
        process.join()
        ours.close()


def _next(state: State, process: Any, connection: Connection) -> bool:
    """Count the next body; False: the child ended, or had to be ended."""
    since = _cpu_seconds(process.pid)
    while not connection.poll(5.0):
        if _cpu_seconds(process.pid) > since + HANG_SECONDS:
            process.kill()
    try:
        number, kind, verdict = connection.recv()
    except EOFError:
        process.join()
        return False
    assert number == state.next, "bodies are judged in their order"
    state.add(number, kind, verdict)
    state.next += 1
    return True


def _cpu_seconds(pid: int) -> float:
    with contextlib.suppress(psutil.Error):
        times = psutil.Process(pid).cpu_times()
        return times.user + times.system
    return 0.0


def _ended(state: State, process: Any, case: Case, out: Path) -> None:
    """Count the body that ended the child."""
    code = process.exitcode
    name = signal.Signals(-code).name if code and code < 0 else f"status {code}"
    verdict = Verdict("fault", f"the process ended, or hung: {name}", 0, 0, 0, 0)
    state.add(state.next, case.kind, verdict)
    state.ended += 1
    state.next += 1
    save(case, out)


def save(case: Case, out: Path) -> Path:
    """Write a body, and what is said of it, to files of its number; the path of the latter."""
    faults = out / "faults"
    faults.mkdir(parents=True, exist_ok=True)
    (faults / f"{case.number}.body").write_bytes(case.body)
    told = {key: value for key, value in asdict(case).items() if key != "body"}
    path = faults / f"{case.number}.json"
    path.write_text(json.dumps(told))
    return path


def load(path: Path) -> Case:
    """What ``save`` wrote."""
    return Case(**json.loads(path.read_text()), body=path.with_suffix(".body").read_bytes())


def _confine(out: Path) -> None:
    """Limit what this process may take; what libraries print goes nowhere, a crash to a file."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    faulthandler.enable((out / "crash.txt").open("a"))
    most = machine.address_space() + ADDRESSES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it


def _judge_all(
    seed: int, folder: Path | None, first: int, last: int, connection: Connection, out: Path
) -> None:
    cases = Cases(seeds.corpus(folder), seed)
    _confine(out)
    begin = machine.resident_memory()
    with granted():
        judge = Judge()
        for number in range(first, last):
            if number == first + WARM:
                machine.give_back_freed_memory()
                begin = machine.resident_memory()
            case = cases[number]
            connection.send((number, case.kind, judge.judge(case)))
    machine.give_back_freed_memory()
    connection.send(machine.resident_memory() - begin)


def _judge_one(case: Case, connection: Connection, out: Path) -> None:
    _confine(out)
    with granted():
        connection.send(Judge().judge(case))
