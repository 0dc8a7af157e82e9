"""The rules of the config topic, one record after the other."""

import logging
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.channel import ConnectorTaskId, TargetState
from isthmus.kafka.topic_log import LogRecord
from isthmus.storage.cluster_state import ClusterState, SessionKey
from isthmus.storage.config_records import ConfigReader, RestartRequest
from tests.unit.storage.told import Told

Record = tuple[str | bytes, str | bytes | None]

CONFIG = '{"properties":{"name":"c"}}'
CONNECTOR: Record = ("connector-c", CONFIG)


def read(*records: Record) -> tuple[ClusterState, Told]:
    """Return what these records, from offset 0 on, make of an empty topic."""
    reader, told = ConfigReader(), Told()
    for offset, (key, value) in enumerate(records):
        event = reader.read(LogRecord(0, offset, as_bytes(key), as_bytes(value)))
        if event is not None:
            event(told)
    return reader.state(), told


def as_bytes(text: str | bytes | None) -> bytes | None:
    return text.encode() if isinstance(text, str) else text


def state(*records: Record) -> ClusterState:
    return read(*records)[0]


def events(*records: Record) -> Sequence[tuple[str, ...]]:
    return read(*records)[1].events


def task(number: int, value: str = "1", connector: str = "c") -> Record:
    return (f"task-{connector}-{number}", f'{{"properties":{{"v":"{value}"}}}}')


def commit(tasks: int, connector: str = "c") -> Record:
    return (f"commit-{connector}", f'{{"tasks":{tasks}}}')


def configs(found: ClusterState, connector: str = "c") -> list[str | None]:
    return [(found.task_config(t) or {}).get("v") for t in found.tasks(connector)]


def test_an_empty_topic_has_offset_minus_one() -> None:
    assert state().offset == -1


def test_the_offset_is_one_more_than_that_of_the_last_record() -> None:
    assert state(CONNECTOR, task(0)).offset == 2


def test_a_value_that_is_no_json_does_not_count_towards_the_offset() -> None:
    assert state(CONNECTOR, ("connector-d", "{no json")).offset == 1


def test_a_record_of_an_unknown_kind_counts_towards_the_offset() -> None:
    assert state(CONNECTOR, ("something-else", "{}")).offset == 2


def test_what_follows_a_json_value_is_ignored_as_by_jackson() -> None:
    assert state(("connector-c", CONFIG + " rest")).offset == 1


def test_a_connector_keeps_null_values_and_starts_by_default() -> None:
    found = state(("connector-c", '{"properties":{"a":"1","nul":null}}'))

    assert found.connector_config("c") == {"a": "1", "nul": None}
    assert found.target_state("c") is TargetState.STARTED
    assert found.connectors() == ["c"]
    assert found.tasks("c") == []


def test_every_config_of_a_connector_is_told_even_the_same_again() -> None:
    assert events(CONNECTOR, CONNECTOR) == [("updated", "c"), ("updated", "c")]


@pytest.mark.parametrize("value", [None, "", "null"])
def test_a_connector_record_without_a_value_deletes(value: str | None) -> None:
    found, told = read(CONNECTOR, task(0), commit(1), task(1), ("connector-c", value))

    assert not found.contains("c")
    assert found.connector_config("c") is None
    assert found.target_state("c") is None
    assert found.task_count("c") == 0
    assert found.tasks("c") == []
    assert found.task_config(ConnectorTaskId("c", 0)) is None
    assert found.applied_config("c") is None
    assert told.events[-1] == ("removed", "c")


def test_task_configs_that_waited_are_gone_with_their_connector() -> None:
    found = state(CONNECTOR, task(0), ("connector-c", None), CONNECTOR, commit(1))

    assert found.inconsistent_connectors == {"c"}


def test_what_concerns_fencing_outlives_the_connector() -> None:
    records = [CONNECTOR, task(0), commit(1), ("tasks-fencing-c", '{"task-count":3}')]

    found = state(*records, task(0), commit(1), ("connector-c", None), CONNECTOR)

    assert found.task_count_records == {"c": 3}
    assert found.task_config_generations == {"c": 1}
    assert found.pending_fencing == {"c"}


@pytest.mark.parametrize("value", ["1", "[]", "{}", '{"properties":[]}', '{"properties":null}'])
def test_a_connector_record_of_another_shape_changes_nothing(value: str) -> None:
    found, told = read(CONNECTOR, ("connector-c", value))

    assert found.connector_config("c") == {"name": "c"}
    assert found.offset == 2
    assert told.events == [("updated", "c")]


def test_values_that_are_no_strings_are_shown_as_their_json() -> None:
    found = state(("connector-c", '{"properties":{"n":5,"b":true,"m":{"k":1.5}}}'))

    assert found.connector_config("c") == {"n": "5", "b": "true", "m": '{"k":1.5}'}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('{"state":"PAUSED","state.v2":"STOPPED"}', TargetState.STOPPED),
        ('{"state":"PAUSED"}', TargetState.PAUSED),
        ('{"state":"PAUSED","state.v2":null}', TargetState.PAUSED),
        ('{"state":"PAUSED","state.v2":1}', TargetState.PAUSED),
        ('{"state":"STARTED","state.v2":"STARTED"}', TargetState.STARTED),
    ],
)
def test_the_newer_of_the_two_states_counts_if_it_is_a_string(
    value: str, expected: TargetState
) -> None:
    assert state(CONNECTOR, ("target-state-c", value)).target_state("c") is expected


def test_the_initial_state_stands_before_the_connector_and_is_not_told() -> None:
    found, told = read(("target-state-c", '{"state.v2":"STOPPED"}'), CONNECTOR)

    assert found.target_state("c") is TargetState.STOPPED
    assert told.events == [("updated", "c")]


def test_only_a_change_of_the_target_state_is_told() -> None:
    paused: Record = ("target-state-c", '{"state":"PAUSED"}')
    started: Record = ("target-state-c", '{"state":"STARTED"}')

    assert events(CONNECTOR, started, paused, paused, started)[1:] == [("state", "c")] * 2


def test_deleting_the_target_state_starts_in_silence() -> None:
    found, told = read(
        CONNECTOR, ("target-state-c", '{"state":"PAUSED"}'), ("target-state-c", None)
    )

    assert found.target_state("c") is TargetState.STARTED
    assert told.events == [("updated", "c"), ("state", "c")]


def test_a_target_state_outlives_its_connector_until_its_own_deletion() -> None:
    paused: Record = ("target-state-c", '{"state":"PAUSED"}')
    deleted = [CONNECTOR, paused, ("connector-c", None)]

    assert state(*deleted, CONNECTOR).target_state("c") is TargetState.PAUSED
    assert state(*deleted, ("target-state-c", None), CONNECTOR).target_state("c") is (
        TargetState.STARTED
    )


@pytest.mark.parametrize("value", ["{}", "[]", '{"state":"FAILED"}', '{"state":{}}', '"PAUSED"'])
def test_a_target_state_that_is_none_changes_nothing(value: str) -> None:
    found = state(CONNECTOR, ("target-state-c", '{"state":"PAUSED"}'), ("target-state-c", value))

    assert found.target_state("c") is TargetState.PAUSED
    assert found.offset == 3


def test_task_configs_take_effect_at_the_commit() -> None:
    before = state(CONNECTOR, task(0), task(1))
    after, told = read(CONNECTOR, task(0), task(1), commit(2))

    assert before.tasks("c") == []
    assert after.tasks("c") == [ConnectorTaskId("c", 0), ConnectorTaskId("c", 1)]
    assert configs(after) == ["1", "1"]
    assert told.events == [("updated", "c"), ("tasks", "c")]


def test_new_task_configs_wait_for_their_own_commit() -> None:
    records = [CONNECTOR, task(0, "old"), commit(1), task(0, "new")]

    assert configs(state(*records)) == ["old"]
    assert configs(state(*records, commit(1))) == ["new"]


def test_an_incomplete_commit_gives_a_count_but_no_tasks() -> None:
    found, told = read(CONNECTOR, task(1), commit(2))

    assert found.inconsistent_connectors == {"c"}
    assert found.task_count("c") == 2
    assert found.tasks("c") == []
    assert found.applied_config("c") is None
    assert told.events[-1] == ("tasks", "c")


def test_a_complete_commit_mends_an_inconsistent_connector() -> None:
    found = state(CONNECTOR, task(1), commit(2), task(0), task(1), commit(2))

    assert found.inconsistent_connectors == frozenset()
    assert configs(found) == ["1", "1"]


def test_an_incomplete_commit_uses_up_the_configs_that_waited() -> None:
    found = state(CONNECTOR, task(0), commit(2), task(1), commit(2))

    assert found.inconsistent_connectors == {"c"}


def test_task_configs_beyond_the_commits_count_are_tolerated() -> None:
    # Compaction leaves the higher tasks of an earlier, larger commit in front of a smaller one.
    found = state(CONNECTOR, task(2, "old"), task(0, "new"), task(1, "new"), commit(2))

    assert configs(found) == ["new", "new"]
    assert found.inconsistent_connectors == frozenset()


def test_a_commit_of_no_tasks_needs_no_configs() -> None:
    found = state(CONNECTOR, task(0), commit(1), commit(0))

    assert found.tasks("c") == []
    assert found.task_count("c") == 0
    applied = found.applied_config("c")
    assert applied is not None
    assert applied.config == {"name": "c"}


def test_a_commit_of_an_unknown_connector_is_ignored_and_uses_up_its_configs() -> None:
    found, told = read(task(0), commit(1), CONNECTOR, commit(1))

    assert found.inconsistent_connectors == {"c"}
    assert told.events == [("updated", "c"), ("tasks", "c")]
    assert read(task(0), commit(1))[0].task_count("c") == 0


def test_a_commit_remembers_the_config_that_the_tasks_were_made_of() -> None:
    newer: Record = ("connector-c", '{"properties":{"name":"newer"}}')

    found = state(CONNECTOR, task(0), commit(1), newer)

    applied = found.applied_config("c")
    assert applied is not None
    assert applied.config == {"name": "c"}
    assert found.connector_config("c") == {"name": "newer"}


def test_a_generation_counts_commits_after_the_first_task_config_ever() -> None:
    assert state(CONNECTOR, commit(0)).task_config_generations == {}
    assert state(CONNECTOR, task(0), commit(1)).task_config_generations == {"c": 0}
    assert state(CONNECTOR, task(0), commit(1), commit(0)).task_config_generations == {"c": 1}


def test_a_commit_asks_for_fencing_until_a_count_is_written() -> None:
    records = [CONNECTOR, task(0), commit(1)]

    assert state(*records).pending_fencing == {"c"}
    fenced = state(*records, ("tasks-fencing-c", '{"task-count":1}'))
    assert fenced.pending_fencing == frozenset()
    assert fenced.task_count_records == {"c": 1}


@pytest.mark.parametrize(
    "value",
    [None, "[]", "{}", '{"tasks":"2"}', '{"tasks":1.0}', '{"tasks":true}', '{"tasks":-1}'],
)
def test_a_commit_of_another_shape_changes_nothing(value: str | None) -> None:
    found, told = read(CONNECTOR, task(0), commit(1), ("commit-c", value))

    assert configs(found) == ["1"]
    assert found.offset == 4
    assert told.events == [("updated", "c"), ("tasks", "c")]


def test_a_commit_of_absurdly_many_tasks_is_only_inconsistent() -> None:
    found = state(CONNECTOR, task(0), ("commit-c", '{"tasks":1000000000000}'))

    assert found.inconsistent_connectors == {"c"}
    assert found.tasks("c") == []


def test_a_connectors_name_may_contain_dashes_and_numbers() -> None:
    connector: Record = ("connector-my-conn-1", CONFIG)
    records = [task(n, connector="my-conn-1") for n in range(11)]

    found = state(connector, *records, commit(11, "my-conn-1"))

    assert len(found.tasks("my-conn-1")) == 11
    assert found.task_config(ConnectorTaskId("my-conn-1", 10)) == {"v": "1"}


@pytest.mark.parametrize(
    "key", ["task-c", "task-c-", "task-c-x", "task-c-1_0", "task-c-²", "task-c-" + "1" * 5000]
)
def test_a_task_key_without_a_number_is_skipped(key: str, caplog: pytest.LogCaptureFixture) -> None:
    found = state(CONNECTOR, (key, CONFIG))

    assert found.offset == 2
    assert len(caplog.records) == 1


def test_a_task_record_without_a_value_is_ignored() -> None:
    found = state(CONNECTOR, task(0), ("task-c-0", None), commit(1))

    assert configs(found) == ["1"]


def test_a_session_key_is_taken_and_told() -> None:
    value = '{"key":"AAEC","algorithm":"HmacSHA256","creation-timestamp":1700000000000}'

    found, told = read(("session-key", value))

    assert found.session_key == SessionKey(b"\0\1\2", "HmacSHA256", 1700000000000)
    assert told.keys == [found.session_key]
    assert "AAEC" not in repr(found)
    assert "\\x01" not in repr(found)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "{}",
        '{"key":"AAEC","algorithm":"HmacSHA256"}',
        '{"key":"AAEC","algorithm":1,"creation-timestamp":1}',
        '{"key":"!","algorithm":"HmacSHA256","creation-timestamp":1}',
        '{"key":"ü","algorithm":"HmacSHA256","creation-timestamp":1}',
        '{"key":"AAEC","algorithm":"HmacSHA256","creation-timestamp":"1"}',
    ],
)
def test_a_session_key_of_another_shape_is_ignored(value: str | None) -> None:
    found, told = read(("session-key", value))

    assert found.session_key is None
    assert told.keys == []
    assert found.offset == 1


def test_a_key_that_only_begins_like_the_session_keys_is_of_no_known_kind() -> None:
    value = '{"key":"AAEC","algorithm":"HmacSHA256","creation-timestamp":1}'

    assert state(("session-key-2", value)).session_key is None


@pytest.mark.parametrize(
    ("value", "only_failed", "include_tasks"),
    [
        ('{"include-tasks":true,"only-failed":false}', False, True),
        ('{"include-tasks":false,"only-failed":true}', True, False),
        ("{}", False, False),
        ('{"include-tasks":"true","only-failed":1}', False, False),
    ],
)
def test_a_restart_request_is_told(value: str, only_failed: bool, include_tasks: bool) -> None:
    told = read(("restart-connector-my-c", value))[1]

    assert told.restarts == [RestartRequest("my-c", only_failed, include_tasks)]


def test_a_loggers_level_is_told() -> None:
    assert events(("logger-cluster-org.x", '{"level":"DEBUG"}')) == [("level", "org.x", "DEBUG")]
    assert events(("logger-cluster-org.x", '{"level":5}'), ("logger-cluster-x", None)) == []


def test_a_reading_stays_as_it_was_when_records_follow() -> None:
    reader = ConfigReader()
    reader.read(LogRecord(0, 0, b"connector-c", CONFIG.encode()))
    before = reader.state()

    reader.read(LogRecord(0, 1, b"task-c-0", CONFIG.encode()))
    reader.read(LogRecord(0, 2, b"commit-c", b'{"tasks":1}'))
    reader.read(LogRecord(0, 3, b"connector-c", None))

    assert before.offset == 1
    assert before.connectors() == ["c"]
    assert before.tasks("c") == []


def test_an_unusable_record_is_logged_once_with_its_offset_and_key(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        state(CONNECTOR, ("connector-d", "[]"))

    (line,) = caplog.records
    assert line.getMessage() == (
        "Config topic, partition 0, offset 1, key b'connector-d': expected a JSON object, found []"
        "; skipped"
    )


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("connector-d", "{no json", "key b'connector-d': the value is not JSON"),
        ("other", "{}", "unknown kind of record, expected session-key or target-state-, connector"),
        ("target-state-c", '{"state":"ODD"}', "expected one of STARTED, PAUSED, STOPPED"),
        ("connector-" + "d" * 5000, "[]", "ddd': expected a JSON object"),
        ("connector-d", '"' + "d" * 5000 + '"', "expected a JSON object, found"),
    ],
)
def test_an_unusable_record_is_logged_with_what_was_expected_in_one_short_line(
    key: str, value: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    state(CONNECTOR, (key, value))

    (line,) = caplog.records
    assert reason in line.getMessage()
    assert len(line.getMessage()) < 500


KINDS = (
    *("connector-c", "task-c-0", "commit-c", "target-state-c", "tasks-fencing-c"),
    *("session-key", "restart-connector-c", "logger-cluster-x", "connector-", "task-", "other"),
)
JSON_TEXTS = st.recursive(
    st.sampled_from(
        ["null", "true", "-1", "1.5", "9" * 30, '"x"', '{"tasks":1}', '{"state":[]}', CONFIG]
    ),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]")
        | inner.map(lambda item: f'{{"properties":{item},"tasks":{item},"key":{item}}}')
    ),
    max_leaves=4,
).map(str.encode)
HOSTILE: Any = st.lists(
    st.tuples(
        st.sampled_from(KINDS).map(str.encode) | st.binary(max_size=20) | st.none(),
        st.none() | JSON_TEXTS | st.binary(max_size=30),
    ),
    max_size=12,
)


@given(HOSTILE)
def test_no_records_whatever_make_the_reader_raise(
    records: list[tuple[bytes | None, bytes | None]],
) -> None:
    reader, told = ConfigReader(), Told()

    for offset, (key, value) in enumerate(records):
        event = reader.read(LogRecord(0, offset, key, value))
        if event is not None:
            event(told)

    found = reader.state()
    assert found.offset <= len(records)
    for name in found.connectors():
        assert all(found.task_config(task) is not None for task in found.tasks(name))
