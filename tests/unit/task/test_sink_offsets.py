"""What a sink task may commit."""

from confluent_kafka import KafkaError, TopicPartition

from isthmus.task.sink_offsets import SinkOffsets

A, B = ("t", 0), ("t", 1)


def at(*entries: tuple[str, int, int]) -> list[TopicPartition]:
    return [TopicPartition(*entry) for entry in entries]


def read(first: int, last: int) -> SinkOffsets:
    offsets = SinkOffsets()
    offsets.start(A, first)
    offsets.consume(A, first, last)
    return offsets


def test_only_what_was_put_is_offered() -> None:
    offsets = read(10, 19)

    assert offsets.of([A, B]) == {A: 10}
    offsets.put()

    assert offsets.of([A, B]) == {A: 20}


def test_an_offset_beyond_what_was_offered_or_of_another_partition_is_ignored() -> None:
    offsets = read(10, 19)
    offsets.put()

    safe = {A: 15, B: 3}

    assert offsets.committable(safe, {A: 20}) == at(("t", 0, 15))
    assert offsets.committable({A: 21}, {A: 20}) == []
    assert offsets.committable(None, {A: 20}) == []


def test_what_is_committed_already_is_not_committed_again() -> None:
    offsets = read(10, 19)
    offsets.put()
    assert offsets.committable({A: 10}, {A: 20}) == []

    offsets.send(at(("t", 0, 20)))
    offsets.answer(None, at(("t", 0, 20)))

    assert offsets.committable({A: 20}, {A: 20}) == []


def test_a_refused_commit_is_tried_again() -> None:
    offsets = read(10, 19)
    offsets.put()
    offsets.send(at(("t", 0, 20)))

    offsets.answer(KafkaError(KafkaError.REBALANCE_IN_PROGRESS), at(("t", 0, 20)))

    assert offsets.committable({A: 20}, {A: 20}) == at(("t", 0, 20))
    assert offsets.committed([A]) == {A: 10}


def test_an_answer_that_comes_after_a_rewind_changes_nothing() -> None:
    offsets = read(10, 19)
    offsets.put()
    offsets.send(at(("t", 0, 20)))
    offsets.start(A, 12)

    offsets.answer(None, at(("t", 0, 20)))

    assert (offsets.of([A]), offsets.committed([A])) == ({A: 12}, {A: 12})


def test_a_commit_without_an_answer_is_waited_for_only_so_long() -> None:
    offsets = read(10, 19)
    assert not offsets.is_committing(60)
    offsets.send(at(("t", 0, 20)))

    assert offsets.is_committing(60)
    assert not offsets.is_committing(0)
    assert not offsets.is_committing(60)


def test_nothing_is_known_of_a_partition_that_was_given_up() -> None:
    offsets = read(10, 19)
    offsets.put()

    offsets.forget(A)

    assert offsets.of([A]) == {}
    assert offsets.committable({A: 20}, {}) == []
