"""Reading offsets through a link to a scripted worker."""

from collections.abc import Iterator

import pytest

from isthmus.api.errors import ConnectError
from isthmus.task.offset_reader import LinkOffsetReader
from tests.support.scripted_link import ScriptedWorker, start_task, worker_config


@pytest.fixture
def worker() -> Iterator[ScriptedWorker]:
    scripted = ScriptedWorker(start_task(worker_config("h:1"), {}, name="c"))
    yield scripted
    scripted.close()


def test_offsets_come_in_the_order_of_their_partitions(worker: ScriptedWorker) -> None:
    worker.set_offset({"file": "a"}, {"position": 1})
    worker.set_offset({"file": "b"}, {"position": 2})
    reader = LinkOffsetReader("c", worker.link)

    found = reader.offsets([{"file": "b"}, {"file": "x"}, {"file": "a"}])

    assert found == [{"position": 2}, None, {"position": 1}]
    assert reader.offset({"file": "b"}) == {"position": 2}


def test_a_stop_ends_the_wait_for_offsets(worker: ScriptedWorker) -> None:
    worker.stops_instead_of_reading = True
    reader = LinkOffsetReader("c", worker.link)

    with pytest.raises(ConnectError, match=r"^Failed to fetch offsets\. The process was told"):
        reader.offset({"file": "a"})


def test_a_process_that_ends_may_still_read_offsets(worker: ScriptedWorker) -> None:
    worker.set_offset({"file": "a"}, {"position": 1})
    worker.stop()
    assert worker.link.stopping.wait(10)

    assert LinkOffsetReader("c", worker.link).offset({"file": "a"}) == {"position": 1}
