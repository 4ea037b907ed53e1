import json

import pytest

from serving.request_log import Record


def test_a_line_holds_what_is_known():
    record = Record(request_id="7", accept=None)
    record.note(status=200, shape=(2, 3))
    assert record.line(None) == '{"request_id":"7","status":200,"shape":[2,3]}'


def test_a_stage_is_timed_also_when_it_fails():
    record = Record()
    with pytest.raises(ZeroDivisionError), record.timed("decode"):
        1 / 0  # noqa: B018
    assert json.loads(record.line(None))["decode_ms"] >= 0


@pytest.mark.parametrize(("status", "errors", "faults"), [(200, 0, 0), (400, 1, 0), (507, 0, 1)])
def test_embedded_metrics_name_figures_of_the_same_line(status, errors, faults):
    record = Record(model="model", status=status, bytes_in=5, shape=(2, 3))
    line = json.loads(record.line("emf"))
    assert (line["errors"], line["faults"]) == (errors, faults)
    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["model"]]
    assert line["model"] == "model"
    names = [metric["Name"] for metric in directive["Metrics"]]
    assert names == ["bytes_in", "errors", "faults"]
    assert all(isinstance(line[name], int) for name in names)
    assert len(str(line["_aws"]["Timestamp"])) == 13


def test_half_a_pair_of_surrogates_is_written_all_the_same():
    assert json.loads(Record(error="\ud800").line(None))["error"] == "\ud800"
