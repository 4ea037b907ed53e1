"""Short campaigns against the real server and the real readers; `make soak` and `make fuzz`."""

import json

import pytest

from campaign.lib import fuzzing, http_fuzzing, seeds, soaking, workload
from campaign.lib.fuzzing import State
from campaign.lib.http_fuzzing import VMARGS, HttpState
from campaign.lib.servers import Server
from campaign.lib.soak_report import write
from campaign.lib.soak_verdict import Plan

BODIES = 4000  # 200 of each kind
CONNECTIONS = 100


def test_a_soak(tmp_path):
    plan = Plan(minutes=0.2, clients=8, every=4, most_faults=2)
    soak = soaking.run(plan, tmp_path, lambda soak: None)
    assert soak.failures == []
    assert len(soak.faults) == 2
    assert soak.records
    write(soak, plan.clients, "soak.py", tmp_path / "soak.md")
    told = json.loads((tmp_path / "soak.json").read_text())
    assert (told["wrong"], told["lost_outside_faults"]) == (0, 0)


def test_damaged_bodies(tmp_path):
    state = State(seed=11, corpus=seeds.digest(seeds.corpus()))
    fuzzing.run(state, BODIES // 2, None, tmp_path)
    state = State.load(tmp_path / "state.json")
    fuzzing.run(state, BODIES, None, tmp_path)
    assert state.faults == []
    assert {sum(counts.values()) for counts in state.outcomes.values()} == {200}
    assert {"answered", "RequestError", "PayloadTooLarge"} <= {
        name for counts in state.outcomes.values() for name in counts
    }


@pytest.fixture(scope="module")
def good():
    [array, *_] = workload.images(soaking.SAMPLE)
    [mask] = workload.expected(soaking.MODEL_DIR, {"": None}, [array])[""]
    found = workload.requests_of("/invocations", [array], [mask])
    return next(request for request in found if request.name.endswith(" PNG"))


def test_damaged_requests(good, tmp_path):
    state = HttpState(seed=11)
    settings = {"SAGEMAKER_MODEL_SERVER_VMARGS": VMARGS}
    with Server.serve(soaking.MODEL_DIR, **settings) as server:
        http_fuzzing.run(state, CONNECTIONS, server, good, tmp_path / "http.json")
    assert state.faults == {}
    assert {"200", "400"} <= state.statuses.keys()
