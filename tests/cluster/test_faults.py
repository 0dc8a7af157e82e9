"""A few rounds of `python -m tests.faults`."""

from pathlib import Path

import pytest

from tests.faults.rig import Rig
from tests.faults.suite import run

SEED = 7
#: Those that are over within seconds; the long command injects all.
QUICK = ("worker killed", "connections cut", "disk full")


@pytest.mark.timeout(300)
def test_no_record_is_lost_or_committed_twice_in_some_rounds_of_faults(tmp_path: Path) -> None:
    with Rig(tmp_path, exactly_once=True) as rig:
        summary = run(rig, len(QUICK), SEED, QUICK)

    print("\n".join(summary.lines()))
    assert (summary.late, summary.lost) == ([], [])
    assert summary.duplicated_in_topic == 0
    assert summary.rounds == len(QUICK)
    assert summary.sent > 0
