from collections.abc import Sequence
from typing import Any

import pytest
from confluent_kafka import KafkaError, Message
from hypothesis import given
from hypothesis import strategies as st

from isthmus.api.errors import DataError
from isthmus.api.record import SourceBatch
from isthmus.kafka.offset_codec import decode_key, decode_value
from isthmus.task.submitted import Submission, SubmittedRecords

REFUSED = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)


class Producer:
    """Submits batches, and answers for them when the test says so."""

    def __init__(self, *, skips_refused: bool = False) -> None:
        self.refused: list[KafkaError] = []
        self.skips_refused = skips_refused
        self.records = SubmittedRecords("c", self._take_refusal, keep_batches=True)

    def submit(self, file: str, *positions: int, sent: Sequence[int] | None = None) -> Submission:
        polled = polled_batch(file, positions)
        kept = positions if sent is None else sent
        return self.records.submit(polled, [polled_batch(file, kept)] if kept else [])

    def committable(self) -> dict[str, Any]:
        found = self.records.take_committable()
        return {
            (decode_key(key)[1] or {})["file"]: (decode_value(value) or {})["position"]
            for key, value in found
        }

    def _take_refusal(self, error: KafkaError, _message: Message | None) -> bool:
        self.refused.append(error)
        return self.skips_refused


def polled_batch(file: str, positions: Sequence[int]) -> SourceBatch:
    return SourceBatch(
        topic="t",
        values=list(positions),
        source_partition={"file": file},
        source_offsets=[{"position": position} for position in positions],
    )


def acknowledge(submission: Submission, records: int) -> None:
    for _ in range(records):
        submission.delivered(None, None)


def test_an_offset_is_committable_once_all_records_of_its_batch_are_in_kafka() -> None:
    producer = Producer()
    submission = producer.submit("a", 1, 2)

    acknowledge(submission, 1)
    assert producer.committable() == {}
    acknowledge(submission, 1)
    assert producer.committable() == {"a": 2}


def test_an_offset_waits_for_every_earlier_record_of_its_partition() -> None:
    producer = Producer()
    first, second = producer.submit("a", 1), producer.submit("a", 2)

    acknowledge(second, 1)
    assert producer.committable() == {}
    acknowledge(first, 1)
    assert producer.committable() == {"a": 2}


def test_a_record_without_an_answer_holds_back_its_own_partition_only() -> None:
    producer = Producer()
    producer.submit("a", 1)
    other = producer.submit("b", 7)

    acknowledge(other, 1)

    assert producer.committable() == {"b": 7}


def test_a_refused_record_holds_back_its_partition_for_ever() -> None:
    producer = Producer()
    first, second = producer.submit("a", 1), producer.submit("a", 2)

    first.delivered(REFUSED, None)
    acknowledge(second, 1)

    assert producer.refused == [REFUSED]
    assert producer.committable() == {}


def test_a_refused_record_that_may_be_skipped_counts_as_done() -> None:
    producer = Producer(skips_refused=True)

    producer.submit("a", 1).delivered(REFUSED, None)

    assert producer.committable() == {"a": 1}


def test_an_offset_is_taken_once() -> None:
    producer = Producer()
    acknowledge(producer.submit("a", 1), 1)

    assert producer.committable() == {"a": 1}
    assert producer.committable() == {}


def test_the_offset_is_that_of_the_last_record_though_it_was_dropped() -> None:
    producer = Producer()
    submission = producer.submit("a", 1, 2, 3, sent=[1, 2])

    acknowledge(submission, 1)
    assert producer.committable() == {}
    acknowledge(submission, 1)

    assert producer.committable() == {"a": 3}


def test_the_offset_of_a_dropped_batch_waits_for_what_was_sent_before_it() -> None:
    producer = Producer()
    sent = producer.submit("a", 1)
    producer.submit("a", 2, sent=[])

    assert producer.committable() == {}
    acknowledge(sent, 1)

    assert producer.committable() == {"a": 2}


def test_a_batch_of_which_nothing_was_sent_has_an_offset_and_is_told() -> None:
    producer = Producer()

    producer.submit("a", 1, sent=[])

    assert producer.committable() == {"a": 1}
    assert [batch.values for batch in producer.records.take_acknowledged()] == [[1]]


def test_batches_are_told_in_order_and_once() -> None:
    producer = Producer()
    first, second = producer.submit("a", 1), producer.submit("a", 2)

    acknowledge(second, 1)
    assert producer.records.take_acknowledged() == []
    acknowledge(first, 1)

    assert [batch.values for batch in producer.records.take_acknowledged()] == [[1], [2]]
    assert producer.records.take_acknowledged() == []


def test_records_without_a_source_partition_have_no_offset() -> None:
    producer = Producer()
    batch = SourceBatch(topic="t", values=["v"], source_offsets=[{"position": 1}])

    acknowledge(producer.records.submit(batch, [batch]), 1)

    assert producer.records.take_committable() == []
    assert producer.records.take_acknowledged() == [batch]


def test_a_record_without_an_offset_deletes_that_of_its_partition() -> None:
    producer = Producer()
    batch = SourceBatch(topic="t", values=["v"], source_partition={}, source_offsets=[None])

    acknowledge(producer.records.submit(batch, [batch]), 1)

    assert producer.records.take_committable() == [(b'["c",{}]', None)]


def test_an_offset_that_is_no_json_is_an_error() -> None:
    producer = Producer()
    partition: dict[str, Any] = {"file": "a"}
    batch = SourceBatch(
        topic="t", values=["v"], source_partition=partition, source_offsets=[{"at": object()}]
    )

    acknowledge(producer.records.submit(batch, [batch]), 1)

    with pytest.raises(DataError):
        producer.records.take_committable()


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 3)), max_size=20),
    st.randoms(use_true_random=False),
)
def test_in_whatever_order_answers_come_the_acknowledged_front_is_committable(
    batches: list[tuple[str, int]], random: Any
) -> None:
    producer = Producer()
    left: list[tuple[int, Submission]] = []
    unanswered = [rows for _, rows in batches]
    for number, (file, rows) in enumerate(batches):
        submission = producer.submit(file, *[number] * rows)
        left += [(number, submission)] * rows
    random.shuffle(left)

    committed: dict[str, int] = {}
    for number, submission in left:
        acknowledge(submission, 1)
        unanswered[number] -= 1
        committed |= producer.committable()
        assert committed == acknowledged_front(batches, unanswered)


def acknowledged_front(batches: list[tuple[str, int]], unanswered: list[int]) -> dict[str, int]:
    front: dict[str, int] = {}
    blocked: set[str] = set()
    for number, (file, _) in enumerate(batches):
        if unanswered[number]:
            blocked.add(file)
        elif file not in blocked:
            front[file] = number
    return front
