"""What the REST API asks about connectors and tasks: read, create, change, restart, delete.

Reads are answered from memory by any worker. Changes are made by the leader alone, in the herder's
turns; `NotLeaderError` and `NotAssignedError` tell the REST API whom to ask instead.
"""

from collections.abc import Mapping, Sequence

from isthmus.channel import ConnectorTaskId, State, TargetState
from isthmus.herder.errors import (
    AlreadyExistsError,
    BadRequestError,
    NotAssignedError,
    NotFoundError,
    NotLeaderError,
    RebalanceNeededError,
    RestError,
)
from isthmus.herder.herder import Herder
from isthmus.herder.reconcile import restart_plan
from isthmus.herder.validation import Validation
from isthmus.herder.views import (
    UNDEFINED_VERSION,
    ActiveTopics,
    ConnectorInfo,
    ConnectorState,
    ConnectorStateInfo,
    Created,
    JsonConfig,
    TaskInfo,
    TaskState,
)
from isthmus.storage.config_store import RestartRequest
from isthmus.storage.status_store import Status

#: How long the restart of one connector waits for its end. Others' requests wait with it.
_RESTART_PATIENCE = 1.0


class Connectors:
    """The connectors of the cluster, as one worker's REST API sees them. For the event loop."""

    def __init__(self, herder: Herder, validation: Validation) -> None:
        self._herder = herder
        self._validation = validation

    async def names(self) -> list[str]:
        """Return the names of all connectors."""
        return sorted((await self._herder.current()).connectors())

    async def info(self, name: str) -> ConnectorInfo:
        """Return the connector's config and tasks.

        Raises:
            NotFoundError: There is none of that name.
        """
        state = await self._herder.current()
        config = state.connector_config(name)
        if config is None:
            raise NotFoundError(f"Connector {name} not found")
        kind = await self._validation.connector_type(config)
        return ConnectorInfo(name, dict(config), list(state.tasks(name)), kind)

    async def status(self, name: str) -> ConnectorStateInfo:
        """Return the states of the connector and its tasks."""
        state = await self._herder.current()
        status = self._herder.statuses.connector(name)
        if status is None:
            raise NotFoundError(f"No status found for connector {name}")
        config = state.connector_config(name)
        kind = await self._validation.connector_type(config or {})
        tasks = self._herder.statuses.tasks(name)
        shown = [_task_state(task, found) for task, found in sorted(tasks.items())]
        return ConnectorStateInfo(name, _connector_state(status), shown, kind)

    async def task_status(self, task: ConnectorTaskId) -> TaskState:
        """Return the state of one task."""
        await self._herder.current()
        status = self._herder.statuses.task(task)
        if status is None:
            raise NotFoundError(f"No status found for task {task}")
        return _task_state(task, status)

    async def task_configs(self, name: str) -> list[TaskInfo]:
        """Return the configs of the connector's tasks, placeholders unresolved."""
        state = await self._herder.current()
        if not state.contains(name):
            raise NotFoundError(f"Connector {name} not found")
        return [TaskInfo(task, dict(state.task_config(task) or {})) for task in state.tasks(name)]

    async def put_config(
        self,
        name: str,
        config: JsonConfig,
        target_state: TargetState | None,
        *,
        allow_replace: bool,
    ) -> Created[ConnectorInfo]:
        """Create the connector or replace its config; validated here first, whoever leads.

        Raises:
            BadRequestError: The config has errors; the text lists them.
            AlreadyExistsError: There is one of that name and it must not be replaced.
            NotLeaderError: The leader must do it.
        """
        await self._validation.require_valid(config)

        async def put() -> Created[ConnectorInfo]:
            self._herder.require_leader()
            existed = self._herder.configs.snapshot().contains(name)
            if existed and not allow_replace:
                raise AlreadyExistsError(f"Connector {name} already exists")
            await self._herder.configs.put_connector(name, config, target_state)
            return Created(not existed, await self.info(name))

        return await self._herder.request(put)

    async def patch_config(self, name: str, patch: JsonConfig) -> Created[ConnectorInfo]:
        """Change single keys of the config, null removes one (KIP-477)."""

        async def current() -> Mapping[str, str | None]:
            self._herder.require_leader()
            config = self._herder.configs.snapshot().connector_config(name)
            if config is None:
                raise NotFoundError(f"Connector {name} not found")
            return config

        merged = {**await self._herder.request(current), **patch}
        config = {key: value for key, value in merged.items() if patch.get(key, "") is not None}
        return await self.put_config(name, config, None, allow_replace=True)

    async def delete(self, name: str) -> None:
        """Delete config and target state; offsets, topics and consumer group stay."""

        async def delete() -> None:
            self._herder.require_leader()
            if not self._herder.configs.snapshot().contains(name):
                raise NotFoundError(f"Connector {name} not found")
            await self._herder.configs.remove_connector(name)

        await self._herder.request(delete)

    async def pause(self, name: str) -> None:
        """Let the connector and its tasks stand still; any worker may write this."""
        await self._put_target_state(name, TargetState.PAUSED)

    async def resume(self, name: str) -> None:
        """Let the connector and its tasks go on."""
        await self._put_target_state(name, TargetState.STARTED)

    async def _put_target_state(self, name: str, target: TargetState) -> None:
        if not (await self._herder.current()).contains(name):
            raise NotFoundError(f"Unknown connector {name}")
        await self._herder.configs.put_target_state(name, target)

    async def stop(self, name: str) -> None:
        """Stop the connector and take its tasks away; it keeps its config (KIP-875)."""

        async def stop() -> None:
            self._herder.require_leader()
            if not self._herder.configs.snapshot().contains(name):
                raise NotFoundError(f"Unknown connector {name}")
            # No tasks first: whoever sees STOPPED may take it that none will be started.
            await self._herder.configs.put_task_configs(name, [])
            await self._herder.configs.put_target_state(name, TargetState.STOPPED)
            await self._herder.configs.refresh()

        await self._herder.request(stop)

    async def publish_task_configs(self, name: str, configs: Sequence[Mapping[str, str]]) -> None:
        """Write the task configs that a connector made, as the leader."""

        async def publish() -> None:
            self._herder.require_leader()
            state = self._herder.configs.snapshot()
            if not state.contains(name):
                raise NotFoundError(f"Connector {name} not found")
            if state.target_state(name) is TargetState.STOPPED and configs:
                raise BadRequestError(
                    f"Cannot submit non-empty set of task configs for stopped connector {name}"
                )
            await self._herder.configs.put_task_configs(name, configs)

        await self._herder.request(publish)

    async def restart(self, name: str) -> None:
        """Restart the connector alone, where it runs; its tasks go on."""

        async def restart() -> None:
            self._require_settled_configs()
            if not self._herder.state.contains(name):
                raise NotFoundError(f"Unknown connector: {name}")
            if self._herder.owns_connector(name):
                await self._herder.work.restart_connector(name, patience=_RESTART_PATIENCE)
                return
            self._refer_to_owner(self._herder.leader.connector_owner(name), name)

        await self._herder.request(restart)

    async def restart_task(self, task: ConnectorTaskId) -> None:
        """Restart one task, where it runs."""

        async def restart() -> None:
            self._require_settled_configs()
            if not self._herder.state.contains(task.connector):
                raise NotFoundError(f"Unknown connector: {task.connector}")
            if self._herder.state.task_config(task) is None:
                raise NotFoundError(f"Unknown task: {task}")
            if self._herder.owns_task(task):
                if not await self._herder.work.restart_task(task):
                    raise RestError(500, f"Failed to start task: {task}")
                return
            self._refer_to_owner(self._herder.leader.task_owner(task), str(task))

        await self._herder.request(restart)

    def _refer_to_owner(self, owner_url: str | None, what: str) -> None:
        if self._herder.is_leader:
            raise NotAssignedError(
                f"Cannot restart {what} since it is not assigned to this member", owner_url
            )
        raise NotLeaderError(
            f"Cannot restart {what} since it is not assigned to this member",
            self._herder.leader_url() or None,
        )

    async def restart_with_tasks(self, request: RestartRequest) -> ConnectorStateInfo:
        """Ask every worker to restart its part of a connector (KIP-745).

        Returns the states as they will be: what is going to restart shows as RESTARTING.
        """

        async def restart() -> ConnectorStateInfo:
            self._require_settled_configs()
            self._herder.require_leader()
            name = request.connector
            if not self._herder.state.contains(name):
                raise NotFoundError(f"Unknown connector: {name}")
            status = self._herder.statuses.connector(name)
            if status is None:
                raise NotFoundError(f"Status for connector {name} not found")
            await self._herder.configs.put_restart_request(request)
            return await self._with_restarting_marks(request, status)

        return await self._herder.request(restart)

    async def _with_restarting_marks(
        self, request: RestartRequest, status: Status
    ) -> ConnectorStateInfo:
        tasks = self._herder.statuses.tasks(request.connector)
        states = {task: found.state for task, found in tasks.items()}
        plan = restart_plan(request, status.state, states)
        config = self._herder.state.connector_config(request.connector) or {}
        shown = [
            _task_state(task, found, State.RESTARTING if task in plan.tasks else None)
            for task, found in sorted(tasks.items())
        ]
        connector = _connector_state(status, State.RESTARTING if plan.connector else None)
        kind = await self._validation.connector_type(config)
        return ConnectorStateInfo(request.connector, connector, shown, kind)

    def _require_settled_configs(self) -> None:
        if self._herder.rebalance_expected:
            raise RebalanceNeededError

    async def active_topics(self, name: str) -> ActiveTopics:
        """Return the topics that the connector has used since the last reset (KIP-558)."""
        return ActiveTopics(name, sorted(self._herder.statuses.topics(name)))

    async def reset_active_topics(self, name: str) -> None:
        """Forget the topics that the connector has used."""
        self._herder.statuses.delete_topics(name)

    async def health(self) -> None:
        """Return once the herder has taken a turn, which shows that it is alive."""

        async def nothing() -> None:
            pass

        if not self._herder.is_ready:
            await self._herder.request(nothing)
        else:
            await self._herder.turns.of_group(nothing)


def _connector_state(status: Status, state: State | None = None) -> ConnectorState:
    return ConnectorState(
        state=state or status.state,
        worker_id=status.worker_id,
        version=_shown_version(status),
        trace=status.trace,
    )


def _task_state(task: ConnectorTaskId, status: Status, state: State | None = None) -> TaskState:
    return TaskState(
        id=task.task,
        state=state or status.state,
        worker_id=status.worker_id,
        version=_shown_version(status),
        trace=status.trace,
    )


def _shown_version(status: Status) -> str | None:
    return UNDEFINED_VERSION if status.version == UNDEFINED_VERSION else status.version
