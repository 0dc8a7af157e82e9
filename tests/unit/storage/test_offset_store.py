import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.kafka.offset_codec import encode_key
from isthmus.storage.offset_store import OffsetStore
from tests.support.memory_log import MemoryLog, Record

A = b'["c",{"file":"a"}]'
B = b'["c",{"file":"b"}]'


async def started(*records: Record) -> tuple[OffsetStore, MemoryLog]:
    log = MemoryLog(records)
    store = OffsetStore(log)
    await store.start()
    return store, log


async def test_values_are_found_by_the_bytes_of_their_keys() -> None:
    store, _ = await started((A, b'{"p":1}'), (B, b'{"p":2}'), (A, b'{"p":3}'))

    assert await store.get([B, A, b'["c",{"file":"x"}]']) == [b'{"p":2}', b'{"p":3}', None]


async def test_what_others_have_written_is_read_before_an_answer() -> None:
    store, log = await started()
    log.append((A, b'{"p":1}'))

    assert await store.get([A]) == [b'{"p":1}']

    log.append((A, b'{"p":2}'))
    assert await store.offsets_of("c") == [({"file": "a"}, {"p": 2})]


async def test_what_was_written_is_found() -> None:
    store, log = await started()

    await store.set([(A, b'{"p":1}'), (B, b'{"p":2}'), (A, b'{"p":3}')])

    assert await store.get([A, B]) == [b'{"p":3}', b'{"p":2}']
    assert log.records == [(A, b'{"p":1}'), (B, b'{"p":2}'), (A, b'{"p":3}')]


async def test_a_key_that_java_wrote_is_found_whatever_the_order_of_its_members() -> None:
    javas = b'["c",{"table":"t","db":"d"}]'
    store, _ = await started((javas, b'{"p":1}'))

    assert await store.get([encode_key("c", {"db": "d", "table": "t"})]) == [b'{"p":1}']


async def test_an_offset_goes_where_java_will_look_for_it() -> None:
    javas = b'["c",{"table":"t","db":"d"}]'
    store, log = await started((javas, b'{"p":1}'))

    await store.set([(encode_key("c", {"db": "d", "table": "t"}), b'{"p":2}')])

    assert log.records[1:] == [(javas, b'{"p":2}')]


async def test_the_exact_bytes_come_first_where_both_orders_are_in_the_topic() -> None:
    one, other = b'["c",{"a":1,"b":2}]', b'["c",{"b":2,"a":1}]'
    store, _ = await started((one, b'{"p":1}'), (other, b'{"p":2}'))

    assert await store.get([one, other]) == [b'{"p":1}', b'{"p":2}']


async def test_one_is_not_one_point_zero() -> None:
    store, _ = await started((b'["c",{"a":1,"b":1}]', b'{"p":1}'))

    assert await store.get([encode_key("c", {"b": 1.0, "a": 1})]) == [None]


async def test_a_deleted_offset_is_gone_under_every_order_of_its_members() -> None:
    javas, ours = b'["c",{"b":1,"a":2}]', encode_key("c", {"a": 2, "b": 1})
    store, log = await started((javas, b'{"p":1}'))

    await store.set([(ours, None)])

    assert log.records[1:] == [(javas, None)]
    assert await store.get([javas, ours]) == [None, None]
    assert await store.offsets_of("c") == []


async def test_offsets_of_a_connector_are_listed_and_no_others() -> None:
    store, _ = await started(
        (A, b'{"p":1}'),
        (b'["other",{"file":"a"}]', b'{"p":9}'),
        (B, b'{"p":2}'),
        (B, None),
        (b'["c",{"file":"z"}]', None),
    )

    assert await store.offsets_of("c") == [({"file": "a"}, {"p": 1})]
    assert await store.offsets_of("nobody") == []


async def test_a_list_of_offsets_is_the_callers_to_change() -> None:
    store, _ = await started((A, b'{"p":1}'))

    (await store.offsets_of("c"))[0][0]["file"] = "changed"

    assert await store.offsets_of("c") == [({"file": "a"}, {"p": 1})]


async def test_a_key_without_a_partition_can_be_read_but_is_not_listed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store, _ = await started((b'["c",null]', b'{"p":1}'))

    assert await store.get([b'["c",null]']) == [b'{"p":1}']
    assert await store.offsets_of("c") == []
    assert caplog.records == []


@pytest.mark.parametrize("key", [b"x", b"{}", b'["c"]', b"[1,{}]", b'["c",[]]', b"\xff", None])
async def test_a_key_that_is_none_is_logged_once_and_not_listed(
    key: Any, caplog: pytest.LogCaptureFixture
) -> None:
    store, log = await started((key, b"1"), (A, b'{"p":1}'))
    if key is not None:
        log.append((key, b"2"))

    assert await store.offsets_of("c") == [({"file": "a"}, {"p": 1})]
    assert [line.levelno for line in caplog.records] == [logging.WARNING]


async def test_an_offset_that_is_none_is_skipped_in_lists(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store, _ = await started((A, b"[]"), (B, b'{"p":2}'))

    assert await store.offsets_of("c") == [({"file": "b"}, {"p": 2})]
    assert len(caplog.records) == 1


HOSTILE_KEYS = st.none() | st.binary(max_size=20) | st.sampled_from([A, B, b'["c",{}]', b'["c"]'])


@given(st.lists(st.tuples(HOSTILE_KEYS, st.none() | st.binary(max_size=20)), max_size=10))
async def test_no_records_whatever_make_the_store_raise(records: list[Any]) -> None:
    store, _ = await started(*records)

    latest = {key: value for key, value in records if key is not None}
    assert await store.get(list(latest)) == list(latest.values())
    await store.offsets_of("c")


async def test_an_offset_that_was_cut_off_is_logged_when_it_is_read_and_can_be_removed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store, _ = await started((A, b'{"p":1}'), (A, b'{"p":'))

    assert await store.get([A]) == [b'{"p":']
    assert await store.offsets_of("c") == []
    assert await store.partitions_of("c") == [{"file": "a"}]
    (line,) = caplog.records
    assert "partition 0, offset 1, key" in line.getMessage()
    assert "is not JSON" in line.getMessage()

    await store.set([(A, None)])
    assert await store.partitions_of("c") == []
    assert len(caplog.records) == 1


async def test_a_key_that_is_none_is_deleted_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    store, _ = await started((b"x", b"1"), (b"x", None))

    assert await store.get([b"x"]) == [None]
    assert len(caplog.records) == 1
