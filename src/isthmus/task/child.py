"""A child's life: receive a job, do it, report its end, exit."""

import logging
import socket

from isthmus import logs, secrets
from isthmus.channel import (
    RunPluginJob,
    StartConnector,
    StartTask,
    State,
    StateChanged,
    TargetState,
)
from isthmus.config.supervision import Supervision
from isthmus.heap import keep_freed_memory
from isthmus.plugins import PluginKind, Plugins
from isthmus.task.connector import ConnectorRunner
from isthmus.task.failure import kind_of, trace_of_failure
from isthmus.task.jobs import run_job
from isthmus.task.limits import apply_limits
from isthmus.task.link import Link
from isthmus.task.sink import SinkRunner
from isthmus.task.source import SourceRunner

log = logging.getLogger(__name__)


def run_child(connection: socket.socket, plugins: Plugins) -> int:
    """Do the job that comes first over the channel, and return this process's exit code."""
    link = Link(connection)
    job = link.receive_job()
    secrets.learn(job.secrets)
    for logger, level in job.log_levels.items():
        logs.set_level(logger, level)
    match job:
        case StartConnector():
            logs.set_process_context(f"{job.name}|worker")
            return ConnectorRunner(job, link, plugins).run()
        case StartTask():
            logs.set_process_context(f"{job.connector}|task-{job.task}")
            return _run_task(job, link, plugins)
        case RunPluginJob():
            link.send(run_job(job, plugins))
            return 0


def _run_task(job: StartTask, link: Link, plugins: Plugins) -> int:
    """Run a task to its end and report how it ended. Java: WorkerTask.run."""
    version: str | None = None
    try:
        apply_limits(Supervision.of(job.connector_config, job.worker_config).limits)
        keep_freed_memory()
        if job.target_state is not TargetState.STOPPED:
            connector = plugins.find_connector(job.connector_config)
            version = connector.version
            runner = SourceRunner if connector.kind is PluginKind.SOURCE else SinkRunner
            runner(job, link, plugins).run()
    except BaseException as error:  # also SystemExit, by which a plugin may try to end the process
        if not link.stopping.is_set():
            trace = trace_of_failure()
            log.error("Task %s-%d has failed: %s", job.connector, job.task, trace)
            link.send(StateChanged(State.FAILED, trace, version, kind_of(error)))
            return 1
        log.warning("Task %s-%d failed while stopping", job.connector, job.task, exc_info=True)
    link.send(StateChanged(State.UNASSIGNED))
    return 0
