"""How the benchmark compares and reports, without anything to measure."""

import report
import timing
from differences import Answer, differences


def test_ratios_are_of_medians_with_the_quartiles_of_rounds():
    assert timing.ratio([2.0, 4.0, 6.0, 8.0, 100.0], [1.0, 2.0, 3.0, 4.0, 10.0]) == (
        "2.00 (2.00–2.00)"
    )
    assert timing.ratio([1.0, 3.0, 2.0], [1.0, 1.0, 1.0]) == "2.00 (1.50–2.50)"


def test_turns_are_taken_round_by_round():
    order = []

    def takes(name, seconds):
        def action():
            order.append(name)
            return seconds

        return action

    actions = {"bare": takes("bare", 0.1), "ours": takes("ours", 0.12)}
    rows = timing.in_turns(actions, rounds=2, warm_up=3)
    assert order == ["bare"] * 3 + ["ours"] * 3 + ["bare", "ours"] * 2
    assert rows["ours"]["p50, ms"] == 120.0
    assert rows["ours"]["÷ bare"] == "1.20 (1.20–1.20)"
    assert rows["ours"]["− bare, ms"] == 20.0


def test_tables_are_markdown():
    table = report.tables({"machine": {"CPU": "2"}, "sizes": {"1×1": {"seconds": 1, "failed": 0}}})
    assert table.splitlines() == [
        "",
        "| machine |  |",
        "|---|---|",
        "| CPU | 2 |",
        "",
        "| sizes | seconds | failed |",
        "|---|---|---|",
        "| 1×1 | 1 | 0 |",
    ]


def test_equal_answers_do_not_differ():
    this = Answer(200, {"content-type": "image/png", "x-request-id": "1"}, b"abc")
    other = Answer(200, {"content-type": "image/png", "x-request-id": "2"}, b"abc")
    assert list(differences(this, other)) == []


def test_every_part_that_differs_is_listed():
    this = Answer(200, {"content-type": "image/png", "x-request-id": "1"}, b"abcd")
    other = Answer(400, {"content-type": "text/csv"}, b"abX")
    assert list(differences(this, other)) == [
        "status 200, other 400",
        "content-type 'image/png', other 'text/csv'",
        "x-request-id 'is sent', other None",
        "body from byte 2 on b'cd', other b'X'",
    ]


def test_a_longer_body_differs_from_its_end():
    this, other = Answer(200, {}, b"ab"), Answer(200, {}, b"abc")
    assert list(differences(this, other)) == ["body from byte 2 on b'', other b'c'"]
