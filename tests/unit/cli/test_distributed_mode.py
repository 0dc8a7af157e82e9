from pathlib import Path

import pytest

from isthmus.cli.distributed_mode import DistributedMode
from isthmus.cli.standalone_mode import StandaloneMode
from tests.unit.config.workers import worker


@pytest.mark.parametrize("support", ["preparing", "enabled", "ENABLED"])
async def test_a_cluster_with_or_before_exactly_once_support_has_a_leader_that_can_be_fenced_out(
    support: str,
) -> None:
    writer = DistributedMode(worker({"exactly.once.source.support": support})).leader_writer()

    assert writer is not None
    assert not writer.is_claimed
    await writer.stop()


def test_other_workers_write_as_ever() -> None:
    assert DistributedMode(worker()).leader_writer() is None
    assert StandaloneMode(Path("offsets")).leader_writer() is None
