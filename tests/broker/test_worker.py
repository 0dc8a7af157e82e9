"""The worker with real child processes: starts, ends of every kind, and what is left behind."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from isthmus.api.errors import ConnectError
from isthmus.channel import ConnectorTaskId, State, TargetState
from isthmus.config.tasks_max import TooManyTasksError
from isthmus.kafka.offset_codec import encode_key, encode_value
from isthmus.worker.requests import TaskAnswers
from isthmus.worker.worker import PluginError, Worker
from tests.support.bare_worker import (
    TASK_0,
    Offsets,
    Settings,
    children,
    eventually,
    is_dead,
    never,
    not_this_task,
    own_processes,
    source_config,
    start_task,
)
from tests.support.listener import RecordingListener


@pytest.fixture
def listener() -> RecordingListener:
    return RecordingListener()


@pytest.fixture
def offsets() -> Offsets:
    return Offsets()


@pytest.fixture
async def worker(listener: RecordingListener, offsets: Offsets) -> AsyncIterator[Worker]:
    others = {process.pid for process in psutil.Process().children(recursive=True)}
    worker = Worker(Settings(graceful=1.0), listener, offsets, "cluster-1")
    await worker.start()
    yield worker
    await worker.stop()
    assert children(but=others) == []


async def test_a_started_connector_runs_and_says_its_version(
    worker: Worker, listener: RecordingListener
) -> None:
    await worker.start_connector("numbers", source_config(), TargetState.STARTED)

    assert listener.of("numbers") == [State.RUNNING]
    assert listener.versions["numbers"] == "1.2.3"
    assert worker.is_running("numbers")


async def test_task_configs_are_complete(worker: Worker) -> None:
    config = source_config(count="2", topics="a,b")
    await worker.start_connector("numbers", config, TargetState.STARTED)

    configs = await worker.task_configs("numbers", 2)

    assert [entry["number"] for entry in configs] == ["0", "1"]
    assert {entry["task.class"] for entry in configs} == {"tests.support.connectors:IdleSourceTask"}
    assert {entry["topics"] for entry in configs} == {"a,b"}


async def test_a_connector_reads_the_offsets_that_were_committed(
    worker: Worker, offsets: Offsets
) -> None:
    await offsets.set([(encode_key("numbers", {"file": "a"}), encode_value({"position": 7}))])
    await worker.start_connector("numbers", source_config(), TargetState.STARTED)

    (config,) = await worker.task_configs("numbers", 1)

    assert config["offset"] == "{'position': 7}"


async def test_more_tasks_than_allowed_make_the_connector_fail(
    worker: Worker, listener: RecordingListener
) -> None:
    await worker.start_connector("numbers", source_config(count="3"), TargetState.STARTED)

    with pytest.raises(TooManyTasksError, match=r"^The connector numbers has generated 3 tasks"):
        await worker.task_configs("numbers", 2)

    assert listener.of("numbers")[-1] is State.FAILED
    assert "greater than 2" in listener.traces["numbers"]


async def test_more_tasks_than_allowed_are_taken_if_the_limit_is_not_enforced(
    worker: Worker,
) -> None:
    config = source_config(count="3", tasks_max_enforce="false")
    await worker.start_connector("numbers", config, TargetState.STARTED)

    assert len(await worker.task_configs("numbers", 2)) == 3


async def test_a_connector_that_was_created_paused_starts_when_resumed(
    worker: Worker, listener: RecordingListener
) -> None:
    await worker.start_connector("numbers", source_config(), TargetState.PAUSED)
    with pytest.raises(ConnectError, match="not started"):
        await worker.task_configs("numbers", 1)

    await worker.change_state("numbers", TargetState.STARTED)
    await worker.change_state("numbers", TargetState.STOPPED)

    assert listener.of("numbers") == [State.PAUSED, State.RUNNING, State.STOPPED]


async def test_a_connector_that_is_resumed_after_a_stop_is_the_same_one(
    worker: Worker, listener: RecordingListener
) -> None:
    await worker.start_connector("numbers", source_config(), TargetState.STARTED)
    before = own_processes()

    await worker.change_state("numbers", TargetState.STOPPED)
    await worker.change_state("numbers", TargetState.STARTED)

    assert listener.of("numbers") == [State.RUNNING, State.STOPPED, State.RUNNING]
    assert own_processes() == before


async def test_an_error_in_start_is_the_trace_of_a_failed_connector(
    worker: Worker, listener: RecordingListener
) -> None:
    await worker.start_connector("numbers", source_config(behave="start=fail"), TargetState.STARTED)

    assert listener.of("numbers") == [State.FAILED]
    assert "ConnectError: failed on purpose" in listener.traces["numbers"]
    assert not worker.is_running("numbers")


async def test_a_failed_connector_can_be_stopped_and_then_started_anew(
    worker: Worker, listener: RecordingListener
) -> None:
    config = source_config(behave="task_configs=leave")
    await worker.start_connector("numbers", config, TargetState.STARTED)
    with pytest.raises(ConnectError, match="exited with code 3"):
        await worker.task_configs("numbers", 1)
    await listener.state("numbers", State.FAILED)

    await worker.change_state("numbers", TargetState.STARTED)
    assert listener.of("numbers")[-1] is State.FAILED
    await worker.change_state("numbers", TargetState.STOPPED)
    await worker.change_state("numbers", TargetState.STARTED)

    expected = [State.RUNNING, State.FAILED, State.STOPPED, State.RUNNING]
    assert listener.of("numbers") == expected


async def test_a_connector_that_hangs_in_start_holds_nobody_up_and_is_killed_at_its_stop(
    worker: Worker, listener: RecordingListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isthmus.worker.worker._START_TIMEOUT", 0.3)
    monkeypatch.setattr("isthmus.worker.worker._CONNECTOR_STOP_TIMEOUT", 0.3)

    await worker.start_connector("numbers", source_config(behave="start=hang"), TargetState.STARTED)
    assert listener.of("numbers") == []
    await worker.start_connector("other", source_config(), TargetState.STARTED)
    await listener.state("other", State.RUNNING)
    await worker.stop_connectors(["numbers"])

    assert listener.of("numbers") == [State.UNASSIGNED]
    assert worker.connector_names == ["other"]


async def test_a_slow_start_asks_for_task_configs_when_it_is_done(
    worker: Worker, listener: RecordingListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isthmus.worker.worker._START_TIMEOUT", 0.001)

    await worker.start_connector("numbers", source_config(), TargetState.STARTED)

    await listener.until(lambda: listener.reconfigurations == ["numbers"])
    assert worker.is_running("numbers")


async def test_a_connector_may_ask_for_new_task_configs_and_may_fail_on_its_own_thread(
    worker: Worker, listener: RecordingListener
) -> None:
    config = source_config(ask_again="true", fail_later="true")
    await worker.start_connector("numbers", config, TargetState.STARTED)

    await listener.state("numbers", State.FAILED)
    assert listener.reconfigurations[:1] == ["numbers"]
    assert "noticed on another thread" in listener.traces["numbers"]


async def test_a_failing_stop_counts_at_the_end_but_not_on_the_way_to_stopped(
    worker: Worker, listener: RecordingListener
) -> None:
    await worker.start_connector("numbers", source_config(behave="stop=fail"), TargetState.STARTED)
    await worker.start_connector("other", source_config(behave="stop=fail"), TargetState.STARTED)

    await worker.change_state("numbers", TargetState.STOPPED)
    await worker.stop_connectors(["numbers", "other"])

    assert listener.of("numbers") == [State.RUNNING, State.STOPPED, State.UNASSIGNED]
    assert listener.of("other") == [State.RUNNING, State.FAILED]


async def test_a_task_that_exits_has_failed_with_the_reason(
    worker: Worker, listener: RecordingListener
) -> None:
    await start_task(worker, behave="task.poll=leave")

    await listener.state(TASK_0, State.FAILED)
    assert listener.traces[TASK_0].startswith("Task process of numbers-0 (pid ")
    assert listener.traces[TASK_0].endswith(") exited with code 3")
    assert psutil.STATUS_ZOMBIE not in " ".join(children())


@pytest.mark.parametrize("end", ["killed", "stopped"])
async def test_what_a_task_started_ends_with_it(
    worker: Worker, listener: RecordingListener, end: str
) -> None:
    await start_task(worker, behave="task.start=spawn")
    await start_task(worker, ConnectorTaskId("numbers", 1), behave="task.start=spawn")
    await listener.state(TASK_0, State.RUNNING)
    await listener.state(ConnectorTaskId("numbers", 1), State.RUNNING)
    task, other = (psutil.Process(worker.pids()[ConnectorTaskId("numbers", n)]) for n in (0, 1))
    programs, others = task.children(), other.children()
    assert (len(programs), len(others)) == (2, 2)

    if end == "killed":
        task.kill()
    else:
        await worker.stop_tasks([TASK_0])

    await eventually(lambda: all(map(is_dead, programs)), 2.0, lambda: programs)
    assert not any(map(is_dead, others))


async def test_the_kernel_ends_children_before_the_worker_when_memory_runs_out(
    worker: Worker, listener: RecordingListener
) -> None:
    await start_task(worker)
    await listener.state(TASK_0, State.RUNNING)

    def score(pid: int) -> int:
        return int(Path(f"/proc/{pid}/oom_score_adj").read_text())

    assert score(worker.pids()[TASK_0]) == min(score(os.getpid()) + 300, 1000)


async def test_a_task_that_reads_where_no_memory_is_has_failed_with_the_signal(
    worker: Worker, listener: RecordingListener
) -> None:
    await start_task(worker, behave="task.poll=crash")

    await listener.state(TASK_0, State.FAILED)
    assert listener.traces[TASK_0].endswith(") was killed by signal 11 (SIGSEGV)")


async def test_a_task_that_calls_sys_exit_has_failed_with_the_place(
    worker: Worker, listener: RecordingListener
) -> None:
    await start_task(worker, behave="task.poll=exit")

    await listener.state(TASK_0, State.FAILED)
    assert "SystemExit: 5" in listener.traces[TASK_0]


async def test_a_task_that_is_told_to_stop_ends_unassigned(
    worker: Worker, listener: RecordingListener
) -> None:
    await start_task(worker)
    await listener.state(TASK_0, State.RUNNING)

    await worker.stop_tasks([TASK_0])

    assert listener.of(TASK_0) == [State.RUNNING, State.UNASSIGNED]
    assert worker.task_ids == []


async def test_tasks_that_hang_are_killed_together_after_the_graceful_time(
    worker: Worker, listener: RecordingListener
) -> None:
    hanging = [ConnectorTaskId("numbers", number) for number in range(3)]
    for task in hanging:
        await start_task(worker, task, behave="task.poll=hang")
        await listener.state(task, State.RUNNING)

    begin = time.monotonic()
    await worker.stop_tasks(hanging)

    assert 1.0 <= time.monotonic() - begin < 2.9
    assert [listener.of(task)[-1] for task in hanging] == [State.UNASSIGNED] * 3


async def test_a_task_is_deaf_to_ctrl_c_and_sigterm_which_are_the_workers_to_hear(
    worker: Worker, listener: RecordingListener
) -> None:
    await start_task(worker)
    await listener.state(TASK_0, State.RUNNING)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        for process in own_processes():
            process.send_signal(number)
    await worker.change_state("numbers", TargetState.PAUSED)

    await listener.state(TASK_0, State.PAUSED)


async def test_the_same_task_is_not_started_twice(
    worker: Worker, listener: RecordingListener
) -> None:
    await start_task(worker)

    with pytest.raises(ConnectError, match="Task already exists in this worker: numbers-0"):
        await start_task(worker)


async def test_fifty_tasks_start_quickly_and_share_their_memory(
    worker: Worker, listener: RecordingListener, record_property: Callable[[str, object], None]
) -> None:
    await start_task(worker)
    await listener.state(TASK_0, State.RUNNING)
    tasks = [ConnectorTaskId("many", number) for number in range(50)]

    begin = time.monotonic()
    for task in tasks:
        await start_task(worker, task)
    for task in tasks:
        await listener.state(task, State.RUNNING, timeout=20.0)
    seconds = time.monotonic() - begin

    sizes = [psutil.Process(worker.pids()[task]).memory_full_info().pss for task in tasks]
    megabytes = sum(sizes) / len(sizes) / 1e6
    print(f"50 tasks in {seconds:.2f} s, {megabytes:.1f} MB of PSS each")
    record_property("seconds", seconds)
    record_property("megabytes", megabytes)
    assert seconds < 10
    assert megabytes < 15


async def test_a_task_that_is_not_verified_fails_before_its_start_with_the_reason(
    worker: Worker, listener: RecordingListener
) -> None:
    config = source_config()
    answers = TaskAnswers(lambda: config, not_this_task)

    await worker.start_task(TASK_0, config, config, TargetState.STARTED, answers)
    await listener.state(TASK_0, State.FAILED)

    trace = listener.traces[TASK_0]
    assert "Cannot start source task numbers-0 with exactly-once support" in trace
    assert listener.of(TASK_0) == [State.FAILED]


async def test_a_task_that_waits_to_be_verified_can_be_stopped(
    worker: Worker, listener: RecordingListener
) -> None:
    config = source_config()
    answers = TaskAnswers(lambda: config, never)

    await worker.start_task(TASK_0, config, config, TargetState.STARTED, answers)
    await worker.stop_tasks([TASK_0])

    assert listener.of(TASK_0) == [State.UNASSIGNED]


async def test_idle_children_have_little_memory_of_their_own(
    worker: Worker,
    listener: RecordingListener,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    config: dict[str, str | None] = {
        "name": "numbers",
        "connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector",
        "file": str(tmp_path / "empty"),
        "topic": "lines",
    }
    await worker.start_connector("numbers", config, TargetState.STARTED)
    (task_config,) = await worker.task_configs("numbers", 1)
    await worker.start_task(TASK_0, config, dict(task_config), TargetState.STARTED)
    await listener.state(TASK_0, State.RUNNING)

    connector, task = (
        psutil.Process(worker.pids()[child]).memory_full_info().uss / 1e6
        for child in ("numbers", TASK_0)
    )

    print(f"memory of its own: connector {connector:.1f} MB, task {task:.1f} MB")
    record_property("connector", connector)
    record_property("task", task)
    # Measured with Python 3.11: 3.8 and 6.2 MB, most of it pages with changed reference counts.
    assert connector < 5
    assert task < 8.3


async def test_a_config_is_validated_in_a_process_that_is_gone_afterwards(worker: Worker) -> None:
    answer = await worker.run_job(
        "validate_config", {"config": source_config(count="-1")}, timeout=10.0
    )

    errors = [entry["value"]["errors"] for entry in answer["configs"] if entry["value"]["errors"]]
    assert errors == [["Invalid value -1 for configuration count: Value must be at least 0"]]
    assert answer["error_count"] == 1


async def test_a_validation_that_hangs_is_ended_at_its_time(worker: Worker) -> None:
    config = source_config(behave="validate=hang")

    with pytest.raises(ConnectError, match=r"validate_config took longer than 0\.5 s"):
        await worker.run_job("validate_config", {"config": config}, timeout=0.5)


async def test_a_validation_that_kills_its_process_is_an_error(worker: Worker) -> None:
    config = source_config(behave="validate=leave")

    with pytest.raises(ConnectError, match="exited with code 3"):
        await worker.run_job("validate_config", {"config": config}, timeout=10.0)


async def test_an_error_of_python_in_a_job_is_the_plugins_fault(worker: Worker) -> None:
    with pytest.raises(PluginError):
        await worker.run_job("alter_offsets", {"config": source_config()}, timeout=10.0)
    with pytest.raises(LookupError):
        await worker.run_job("plugin_config", {"plugin": "Nope", "version": None}, timeout=10.0)


async def test_the_death_of_the_fork_server_fails_all_and_the_next_one_serves(
    worker: Worker, listener: RecordingListener
) -> None:
    await worker.start_connector("numbers", source_config(), TargetState.STARTED)
    await start_task(worker)
    await listener.state(TASK_0, State.RUNNING)
    pids = list(worker.pids().values())
    os.kill(psutil.Process(pids[0]).ppid(), signal.SIGKILL)

    await listener.state(TASK_0, State.FAILED)
    await listener.state("numbers", State.FAILED)
    assert "was killed by signal 9 (SIGKILL)" in listener.traces["numbers"]
    await eventually(lambda: not any(map(psutil.pid_exists, pids)), 2.0, lambda: children())
    await worker.start_connector("other", source_config(), TargetState.STARTED)

    assert worker.is_running("other")


async def test_a_child_that_sends_garbage_is_killed_alone(
    worker: Worker, listener: RecordingListener
) -> None:
    await start_task(worker, behave="task.poll=garbage")
    await worker.start_connector("numbers", source_config(), TargetState.STARTED)

    await listener.state(TASK_0, State.FAILED)
    assert ") was killed because it sent what is no message: " in listener.traces[TASK_0]
    assert worker.is_running("numbers")


async def test_processes_are_named_after_what_they_do(
    worker: Worker, listener: RecordingListener
) -> None:
    await worker.start_connector("numbers", source_config(), TargetState.STARTED)
    await start_task(worker)
    await listener.state(TASK_0, State.RUNNING)

    titles = {" ".join(process.cmdline()).strip() for process in own_processes()}

    assert titles == {
        f"isthmus: fork server of worker {os.getpid()}",
        "isthmus: connector numbers",
        "isthmus: task numbers-0",
    }


async def test_connectors_and_tasks_end_with_the_lease_and_say_nothing_of_it(
    worker: Worker, listener: RecordingListener
) -> None:
    await worker.start_connector("numbers", source_config(behave="stop=hang"), TargetState.STARTED)
    await start_task(worker, behave="task.poll=spin")
    await listener.state(TASK_0, State.RUNNING)
    pids = list(worker.pids().values())
    assert len(pids) == 2

    worker.renew_lease(time.monotonic() + 0.1)
    worker.renew_lease(time.monotonic() + 0.5)
    await asyncio.sleep(0.3)
    assert all(map(psutil.pid_exists, pids)), "the first lease ended them, and not the second"
    await eventually(lambda: not any(map(psutil.pid_exists, pids)), 1.0, lambda: children())
    begin = time.monotonic()
    await worker.stop_connectors(["numbers"])
    await worker.stop_tasks([TASK_0])

    assert time.monotonic() - begin < 0.5
    assert listener.of("numbers") == listener.of(TASK_0) == [State.RUNNING]


async def test_a_job_needs_no_lease_and_new_work_a_new_one(
    worker: Worker, listener: RecordingListener
) -> None:
    worker.renew_lease(time.monotonic() - 1.0)
    await worker.run_job("validate_config", {"config": source_config()}, timeout=10.0)
    await start_task(worker)
    await eventually(lambda: not worker.pids(), 5.0, worker.pids)
    await worker.stop_tasks([TASK_0])

    worker.renew_lease(time.monotonic() + 60.0)
    await start_task(worker)

    await listener.state(TASK_0, State.RUNNING)
