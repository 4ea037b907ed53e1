"""The campaigns: what they send, and that they see what is wrong."""

import contextlib
import json
import multiprocessing
import os
import struct
import zlib
from random import Random

import pytest

from campaign.lib import damage, fuzzing, http_fuzzing, judging, seeds, structures
from campaign.lib.cases import Case, Cases
from campaign.lib.clients import HUNG, LOST, RIGHT, WRONG, Record
from campaign.lib.faults import Fault
from campaign.lib.fuzz_report import report
from campaign.lib.http_cases import Sendings
from campaign.lib.judging import Judge, Verdict, granted
from campaign.lib.servers import Held
from campaign.lib.soak_report import write
from campaign.lib.soak_verdict import Soak, judge
from segmentation.errors import ModelError
from support import bodies
from support.bodies import GRAY, RGB

CASE = Case(7, "PNG", "image/png", "", bodies.png(GRAY))


@pytest.fixture(scope="module")
def corpus():
    return seeds.corpus()


@pytest.fixture(scope="module")
def judged():
    with granted():
        yield Judge().judge


# --- bodies


def test_sound_bodies_are_answered_or_refused_with_a_reason(corpus, judged):
    cases = [Case(5, one.kind, one.media_type, one.encoding, one.body) for one in corpus]
    verdicts = [judged(case) for case in cases]
    assert [verdict.fault for verdict in verdicts if verdict.fault] == []
    answered = {
        case.kind
        for case, verdict in zip(cases, verdicts, strict=True)
        if verdict.outcome == "answered"
    }
    assert answered == {case.kind for case in cases}


def test_bodies_are_made_of_their_number_alone(corpus):
    forwards = [Cases(corpus, 3)[number] for number in range(60)]
    again = Cases(corpus, 3)
    assert [again[number] for number in reversed(range(60))] == forwards[::-1]
    assert Cases(corpus, 4)[0] != forwards[0]


def test_a_folder_of_files_is_damaged_too(corpus, tmp_path):
    (tmp_path / "a.png").write_bytes(bodies.png(RGB))
    (tmp_path / "a.txt").write_text("no image")
    more = seeds.corpus(tmp_path)[len(corpus) :]
    assert [(one.kind, one.media_type) for one in more] == [("PNG files", "image/png")]
    assert seeds.digest(corpus) != seeds.digest([*corpus, *more])


def test_damage_within_a_png_leaves_its_checksums_right():
    sound, damaged = bodies.png(GRAY), []
    for number in range(50):
        body = structures.png(sound, Random(number))
        place, right = 8, []
        while place + 12 <= len(body):
            (length,) = struct.unpack_from(">I", body, place)
            (crc,) = struct.unpack_from(">I", body, place + 8 + length)
            right.append(crc == zlib.crc32(body[place + 4 : place + 8 + length]))
            place += 12 + length
        damaged.append(all(right) and body != sound)
    assert sum(damaged) > 30


@pytest.mark.parametrize("kind", [*structures.STRUCTURES, "GIF of none", "Large"])
def test_damage_is_limited_and_knows_what_is_broken_already(kind):
    for number in range(30):
        body = structures.of_kind(kind, Random(number).randbytes(100), Random(number))
        assert len(body) <= damage.MOST


def test_requests_are_made_of_their_number_alone():
    assert Sendings(1, b"png")[5] == Sendings(1, b"png")[5] != Sendings(2, b"png")[5]


# --- verdicts


def test_what_is_right(judged):
    verdict = judged(CASE)
    assert (verdict.outcome, verdict.fault) == ("answered", "")
    refused = judged(Case(7, "PNG", "image/png", "", b"no PNG"))
    assert (refused.outcome, refused.fault) == ("RequestError", "")


@pytest.mark.parametrize("error", [KeyError("a"), MemoryError(), ModelError("no model")])
def test_other_errors_are_faults(judged, monkeypatch, error):
    def fail(case):
        raise error

    monkeypatch.setattr(judging, "_answer", fail)
    assert type(error).__name__ in judged(CASE).fault


def test_memory_that_was_not_weighed_is_a_fault(judged, monkeypatch):
    monkeypatch.setattr(judging, "_answer", lambda case: b"1" * (64 << 20))
    assert "bytes of memory" in judged(CASE).fault


def test_memory_that_was_weighed_is_none(judged, monkeypatch):
    def weigh(case):
        assert not judging.machine.available_memory() < 64 << 20
        return b"1" * (64 << 20)

    monkeypatch.setattr(judging, "_answer", weigh)
    assert judged(CASE).fault == ""


def test_time_that_was_not_weighed_is_a_fault(judged, monkeypatch):
    monkeypatch.setattr(judging, "TIME_FREE", 0.0)
    monkeypatch.setattr(judging, "_answer", lambda case: sum(range(200_000)))
    assert "are allowed" in judged(CASE).fault


def test_a_process_that_ends_is_a_fault_and_its_body_is_kept(tmp_path):
    process = multiprocessing.get_context("spawn").Process(target=os.abort)
    process.start()
    process.join()
    state = fuzzing.State(seed=0, corpus="", next=7)
    fuzzing._ended(state, process, CASE, tmp_path)
    assert state.faults[0]["fault"].endswith("SIGABRT")
    assert (state.next, state.ended) == (8, 1)
    assert fuzzing.load(tmp_path / "faults" / "7.json") == CASE
    assert "body 7 (PNG): the process ended, or hung: SIGABRT" in report(state)


def test_memory_that_is_never_free_again_is_a_fault():
    state = fuzzing.State(seed=0, corpus="", next=50_000)
    state.add_growth(10 << 20)
    assert state.faults == []
    state.add_growth(200 << 20)
    assert "209,715,200 bytes of memory were never free again" in report(state)


def test_a_state_can_be_saved(tmp_path):
    state = fuzzing.State(seed=3, corpus="abc", corpus_size=[2, 100])
    state.add(0, "PNG", Verdict("answered", "", 0.5, 100, 0.25, 0.5))
    state.save(tmp_path / "state.json")
    assert fuzzing.State.load(tmp_path / "state.json") == state


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"HTTP/1.1 200 OK\r\nx-request-id: a\r\n\r\n", ""),
        (b"HTTP/1.1 500 Error\r\nx-request-id: a\r\n\r\n", "status 500"),
        (b"HTTP/1.1 400 Bad\r\nServer: a\r\n\r\n", "without one request id"),
        (b"<html>", "begins with b'<html>'"),
    ],
)
def test_answers_that_must_not_be(answer, fault):
    assert fault in http_fuzzing._read(answer)[1]


# --- soaks


def soak_of(*records, faults=(), before=None, after=None):
    soak = Soak(["one"], records=[RECORD, *records], faults=list(faults), seen=[[]])
    held = Held(0.0, 3, 10**8, 50, 4)
    soak.before, soak.after = [before or held], [after or held]
    judge(soak)
    return soak


RECORD = Record(0, "", "PNG", 0.0, 1.0, RIGHT)
KILL = Fault("kill a worker", 0, 9.9, 12.0, struck=10.0, may_lose=1)


def lost(begin, end, server=0, model=""):
    return Record(server, model, "PNG", begin, end, LOST)


def test_a_request_in_flight_when_its_worker_was_killed_is_the_faults():
    soak = soak_of(lost(9, 10.1), faults=[KILL])
    assert (soak.failures, soak.excused) == ([], [1])


@pytest.mark.parametrize(
    "records",
    [
        [lost(10.5, 11)],  # sent when it was over
        [lost(8, 9.5)],  # before it
        [lost(9, 11, server=1)],
        [lost(9, 10.1), lost(9, 10.2)],  # one worker computes one at a time
    ],
)
def test_other_requests_are_lost_outside_of_it(records):
    assert soak_of(*records, faults=[KILL]).failures == [
        "1 requests were lost outside of the faults"
    ]


def test_requests_to_a_model_that_is_unloaded_are_the_faults():
    unload = Fault("unload in mid request", 0, 5.0, 8.0, model="c")
    soak = soak_of(lost(4, 6, model="c"), lost(7, 7.1, model="c"), faults=[unload])
    assert soak.failures == []
    assert soak_of(lost(4, 6, model="a"), faults=[unload]).failures


def test_requests_to_a_server_whose_java_was_killed_are_the_faults():
    killed = Fault("kill java", 0, 5.0, 8.0, everything=True)
    assert soak_of(lost(4, 6), lost(7, 7.1), faults=[killed]).failures == []
    assert soak_of(lost(8.5, 9), lost(4, 6, server=1), faults=[killed]).failures


def test_a_request_that_hangs_fails_whatever_the_fault():
    unload = Fault("unload in mid request", 0, 5.0, 8.0, model="c")
    hung = Record(0, "c", "PNG", 4, 124, LOST, HUNG)
    assert soak_of(hung, faults=[unload]).failures == [
        "1 requests waited for an answer that never came"
    ]


def test_a_body_that_ends_the_process_is_the_only_one_that_is_blamed(tmp_path, monkeypatch):
    begun = []

    @contextlib.contextmanager
    def child(seed, folder, first, last, out):
        begun.append(first)
        process = multiprocessing.Process(target=os.kill, args=(os.getpid(), 0))
        process.start()
        process.join()
        ours, theirs = multiprocessing.Pipe(duplex=False)
        for number in range(first, 2 if first == 0 else last):  # body 2 ends it
            theirs.send((number, "PNG", Verdict("answered", "", 0, 0, 0, 0)))
        if first:
            theirs.send(0)
        theirs.close()
        yield process, ours

    monkeypatch.setattr(fuzzing, "_child", child)
    state = fuzzing.State(seed=0, corpus="")
    fuzzing.run(state, 6, None, tmp_path)
    assert begun == [0, 3]
    assert [fault["number"] for fault in state.faults] == [2]
    assert (state.next, state.ended) == (6, 1)


def test_wrong_masks_and_what_is_held_fail():
    soak = soak_of(
        Record(0, "", "PNG", 0, 1, WRONG),
        faults=[Fault("stall a worker", 0, 1.0, 2.0, recovered=False)],
        after=Held(0.0, 4, 10**8, 90, 4),
    )
    assert soak.failures == [
        "1 answers were wrong",
        "the server was not well again after: stall a worker",
        "the server of one holds 4 processes, and held 3 at the beginning",
        "the server of one holds 90 descriptors, and held 50 at the beginning",
    ]


def test_memory_that_grows_fails():
    held = [Held(0.0, 3, 1000 + 10 * number, 50, 4) for number in range(160)]
    soak = Soak(["one"], records=[RECORD], seen=[held], before=held[:1], after=held[:1])
    judge(soak)
    [failure] = soak.failures
    assert failure == "the server of one grew to 1.50 times its memory"


def test_a_report_is_text_numbers_and_a_plot(tmp_path):
    soak = soak_of(lost(9, 10.1), faults=[KILL])
    soak.seen = [[Held(float(number), 3, 10**8, 50, 4) for number in range(10)]]
    text = write(soak, 8, "soak.py", tmp_path / "soak.md")
    assert "| kill a worker | 1 | 1 | 2.1 s |" in text
    assert "Failures: none." in text
    assert json.loads((tmp_path / "soak.json").read_text())["lost_outside_faults"] == 0
    assert (tmp_path / "soak.png").read_bytes().startswith(b"\x89PNG")
