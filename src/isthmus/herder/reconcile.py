"""What a worker should do next, decided without doing any of it.

Every function here is pure: the state of the config topic, the assignment and what runs now go
in, a decision comes out, and `herder.py` acts on it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from isthmus.channel import ConnectorTaskId, State
from isthmus.group.assignor import Work
from isthmus.group.protocol import Assignment
from isthmus.storage.cluster_state import ClusterState, Resolve
from isthmus.storage.config_store import RestartRequest


def described(work: Work) -> str:
    """Return the work as it stands in a log line."""
    names = [*sorted(work.connectors), *(str(task) for task in sorted(work.tasks))]
    return ", ".join(names) or "nothing"


def assigned_work(assignment: Assignment) -> Work:
    """Return what this assignment adds."""
    return Work(frozenset(assignment.connectors), frozenset(assignment.tasks))


def revoked_work(assignment: Assignment) -> Work:
    """Return what this assignment takes away."""
    return Work(frozenset(assignment.revoked_connectors), frozenset(assignment.revoked_tasks))


class AfterRebalance(Enum):
    """What follows an assignment, before any of its work may start."""

    READ_CONFIGS = auto()
    REJOIN = auto()
    START = auto()


def after_rebalance(
    assignment: Assignment, offset: int, *, leads: bool, has_read: bool
) -> AfterRebalance:
    """Compare this worker's config offset with the assignment's.

    Work starts only on *equal* offsets: behind, the worker would run old configs, and ahead, the
    assignment does not know of newer ones. `has_read` says that the topic was just read to its
    end, so that being behind cannot be helped by reading.
    """
    if assignment.error:
        lagging = leads or offset < assignment.config_offset
        return AfterRebalance.READ_CONFIGS if lagging and not has_read else AfterRebalance.REJOIN
    if offset < assignment.config_offset and not has_read:
        return AfterRebalance.READ_CONFIGS
    return AfterRebalance.START if offset == assignment.config_offset else AfterRebalance.REJOIN


@dataclass(slots=True)
class Staged:
    """What changed in the config topic since the herder last looked."""

    rebalance: bool = False
    connectors: set[str] = field(default_factory=set[str])
    target_states: set[str] = field(default_factory=set[str])
    reconfigured: set[str] = field(default_factory=set[str])
    restarts: dict[str, RestartRequest] = field(default_factory=dict[str, RestartRequest])

    def __bool__(self) -> bool:
        return bool(
            self.rebalance
            or self.connectors
            or self.target_states
            or self.reconfigured
            or self.restarts
        )

    def add_restart(self, request: RestartRequest) -> None:
        """Keep the request with the highest impact a connector, as Java does."""
        waiting = self.restarts.get(request.connector)
        if waiting is None or _impact(request) >= _impact(waiting):
            self.restarts[request.connector] = request


def _impact(request: RestartRequest) -> int:
    return 2 * (not request.only_failed) + request.include_tasks


@dataclass(frozen=True, slots=True)
class Changes:
    """What staged changes mean for this worker, in the order in which to act on them."""

    rejoin: bool
    restart_connectors: Sequence[str]
    change_states: Sequence[str]
    stop_tasks: frozenset[ConnectorTaskId]


def changes(staged: Staged, before: ClusterState, now: ClusterState, running: Work) -> Changes:
    """Return what to do about the staged changes.

    A change of a connector's config restarts the connector where it runs, without a rebalance.
    New or deleted connectors, and new task configs, need one. All running tasks of a connector
    with new task configs stop at once; the coming assignment starts them again (KIP-415).
    """
    known = {name for name in staged.connectors if before.contains(name)}
    rejoin = staged.rebalance or bool(staged.connectors - known) or bool(staged.reconfigured)
    return Changes(
        rejoin=rejoin,
        restart_connectors=sorted(known & running.connectors),
        change_states=sorted(name for name in staged.target_states if now.contains(name)),
        stop_tasks=frozenset(
            task for task in running.tasks if task.connector in staged.reconfigured
        ),
    )


def configs_with_placeholders(
    raw_connector_config: Mapping[str, str | None], configs: Sequence[Mapping[str, str]]
) -> list[dict[str, str]]:
    """Return task configs as they may be stored: secrets go back to being placeholders.

    Java decides by the key alone, whatever value the connector gave: a task config that repeats a
    connector's key holds the connector's `${…}` text.
    """
    secret = {key: value for key, value in raw_connector_config.items() if value and "${" in value}
    return [
        {key: secret.get(key, value) for key, value in config.items()} if secret else dict(config)
        for config in configs
    ]


def task_configs_changed(
    state: ClusterState,
    name: str,
    configs: Sequence[Mapping[str, str]],
    resolve: Resolve,
) -> bool:
    """Return whether these task configs differ from those in the config topic.

    A connector's config that differs from the one at the last commit counts as a difference too:
    its tasks must see it, even if their own configs are the same (converters, overrides). So does
    another value behind the same `${…}`, as far as this worker has seen the former.
    """
    tasks = state.tasks(name)
    if len(tasks) != len(configs) or state.task_count(name) != len(configs):
        return True
    if any(state.task_config(task) != dict(configs[task.task]) for task in tasks):
        return True
    applied, current = state.applied_config(name), state.connector_config(name)
    if applied is None or current is None:
        return applied is not None or current is not None
    return applied.resolved(resolve) != resolve(current)


@dataclass(frozen=True, slots=True)
class RestartPlan:
    """Which parts of a connector a restart request concerns (KIP-745). Java: RestartPlan."""

    request: RestartRequest
    connector: bool
    tasks: frozenset[ConnectorTaskId]

    def within(self, owned: Work) -> Work:
        """Return the part that this worker has to restart."""
        connectors = frozenset({self.request.connector}) if self.connector else frozenset[str]()
        return Work(connectors, self.tasks) & owned


def restart_plan(
    request: RestartRequest, connector: State, tasks: Mapping[ConnectorTaskId, State]
) -> RestartPlan:
    """Return what the request asks for, given the states in the status topic."""

    def concerned(state: State) -> bool:
        return state is State.FAILED if request.only_failed else True

    chosen = dict(tasks) if request.include_tasks else dict[ConnectorTaskId, State]()
    return RestartPlan(
        request,
        connector=concerned(connector),
        tasks=frozenset(task for task, state in chosen.items() if concerned(state)),
    )


def deleted(known: Collection[str], state: ClusterState) -> list[str]:
    """Return the connectors that have a status and no config any more."""
    return sorted(name for name in known if not state.contains(name))


@dataclass(frozen=True, slots=True)
class FencingRound:
    """What must happen before new tasks of an exactly-once source may write (KIP-618)."""

    #: The producers of that many earlier tasks, from task 0 on, are to be fenced out.
    producers: int
    #: The number of tasks to write down, for the next time.
    tasks: int
    #: That of the task configs for which this was decided.
    generation: int


def fencing_round(state: ClusterState, name: str) -> FencingRound | None:
    """Return what is to be done before the connector's newest tasks may write; None for nothing.

    The number of tasks now is written down each time that task configs have been replaced. The
    producers of as many tasks as were written down the time before are fenced out first, unless it
    is one before and one now: the new task's own producer fences out the old one's.
    """
    if name not in state.pending_fencing:
        return None
    tasks, recorded = state.task_count(name), state.task_count_records.get(name)
    needless = recorded is None or (recorded == 1 and tasks == 1)
    return FencingRound(
        producers=0 if needless else recorded or 0,
        tasks=tasks,
        generation=state.task_config_generation(name),
    )
