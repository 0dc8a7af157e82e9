"""The worker as a process of its own: frozen, killed, and with a standard output nobody reads."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.support.bare_worker import eventually, is_dead

PREAMBLE = """
import asyncio
import sys
import time
from isthmus import logs
from isthmus.channel import ConnectorTaskId, State, TargetState
from isthmus.kafka.offset_codec import encode_key, encode_value
from isthmus.worker.worker import Worker
from tests.support.bare_worker import Offsets, Settings, TASK_0, source_config, start_task
from tests.support.listener import RecordingListener

async def main():
    logs.configure(in_background=True)
    listener = RecordingListener()
    worker = Worker(Settings(graceful=1.0), listener, Offsets(), "cluster-1")
    await worker.start()
    await worker.start_connector("numbers", source_config(), TargetState.STARTED)
"""

FOUR_CHILDREN = """
    for number in range(3):
        task = ConnectorTaskId("numbers", number)
        deed = "hang" if number else "spin"
        await start_task(worker, task, behave=f"task.start=spawn,task.poll={deed}")
        await listener.state(task, State.RUNNING)
    print("ready", file=sys.stderr, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""

CHATTER = """
    await start_task(worker, behave="task.poll=chatter")
    await listener.state(TASK_0, State.RUNNING)
    await asyncio.sleep(1.0)
    await worker.run_job("validate_config", {"config": source_config()}, 5.0)
    await worker.stop()
    print(*listener.of(TASK_0), file=sys.stderr, flush=True)
    logs.flush()

asyncio.run(main())
"""


FROZEN = """
    await start_task(worker)
    await listener.state(TASK_0, State.RUNNING)
    worker.renew_lease(time.monotonic() + 1.0)
    await worker.run_job("validate_config", {"config": source_config()}, 5.0)
    print("ready", file=sys.stderr, flush=True)
    await asyncio.sleep(2.0)
    print(len(worker.pids()), *listener.of(TASK_0), file=sys.stderr, flush=True)
    await worker.stop()

asyncio.run(main())
"""


LEVELS = """
    worker.set_log_level("tests.support", "DEBUG")
    await worker.change_state("numbers", TargetState.PAUSED)
    await worker.change_state("numbers", TargetState.STARTED)
    await worker.stop_connectors(["numbers"])
    await worker.start_connector("numbers", source_config(), TargetState.STARTED)
    await worker.stop()
    logs.flush()

asyncio.run(main())
"""


async def run_worker(body: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PREAMBLE + body,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=Path(__file__).parents[2],
    )


async def test_the_work_of_a_frozen_worker_ends_with_its_lease() -> None:
    process = await run_worker(FROZEN)
    assert process.stderr is not None
    assert await asyncio.wait_for(process.stderr.readline(), 20.0) == b"ready\n"
    fork_server = psutil.Process(process.pid).children()[0]
    assert len(fork_server.children()) == 2

    process.send_signal(signal.SIGSTOP)
    try:
        await eventually(lambda: not fork_server.children(), 3.0, fork_server.children)
    finally:
        process.send_signal(signal.SIGCONT)

    assert await asyncio.wait_for(process.stderr.read(), 20.0) == b"0 RUNNING\n"
    await process.communicate()


async def test_a_level_that_is_set_counts_in_children_and_in_those_to_come() -> None:
    process = await run_worker(LEVELS)

    output, errors = await asyncio.wait_for(process.communicate(), 20.0)

    line = rb"DEBUG \[numbers\|worker\] started at level DEBUG \(tests\.support\.connectors\)\n"
    assert len(re.findall(line, output)) == 2, errors


async def test_ten_megabytes_printed_by_a_task_arrive() -> None:
    process = await run_worker(CHATTER)

    output, errors = await asyncio.wait_for(process.communicate(), 20.0)

    assert errors.endswith(b"RUNNING UNASSIGNED\n"), errors
    assert output.count(b"x" * 1023) == 10 * 1024


async def test_a_standard_output_that_nobody_reads_stops_neither_worker_nor_shutdown() -> None:
    process = await run_worker(CHATTER)
    assert process.stderr is not None
    assert process.stdout is not None
    transport = process._transport.get_pipe_transport(1)  # type: ignore[attr-defined]
    transport.pause_reading()

    errors = await asyncio.wait_for(process.stderr.read(), 20.0)

    assert errors.endswith(b"RUNNING UNASSIGNED\n"), errors
    transport.resume_reading()
    await process.communicate()


@pytest.mark.parametrize("victim", ["worker", "fork server", "worker of stopped children"])
async def test_no_process_outlives_its_worker(victim: str) -> None:
    process = await run_worker(FOUR_CHILDREN)
    assert process.stderr is not None
    line = await asyncio.wait_for(process.stderr.readline(), 20.0)
    assert line == b"ready\n"
    [fork_server] = psutil.Process(process.pid).children()
    tasks = fork_server.children()
    programs = [program for task in tasks for program in task.children()]
    assert (len(tasks), len(programs)) == (4, 6)
    if victim == "fork server":  # nobody is left to find who left the process group
        for program in programs[1::2]:
            program.kill()

    if victim == "fork server":
        fork_server.kill()
    else:
        for child in [fork_server, *tasks, *programs] if "stopped" in victim else []:
            child.suspend()
        process.kill()

    left = tasks + programs if victim == "fork server" else [fork_server, *tasks, *programs]
    try:
        await eventually(lambda: all(map(is_dead, left)), 2.0, lambda: left)
    finally:
        if process.returncode is None and victim == "fork server":
            process.kill()
        await process.communicate()
