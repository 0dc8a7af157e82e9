"""In which topic the offsets of a source connector are (KIP-618)."""

from collections.abc import Mapping
from dataclasses import dataclass

from isthmus.api.config_def import parse_list
from isthmus.config.client_keys import ClientKind
from isthmus.config.override_policy import client_overrides
from isthmus.config.worker import WorkerConfig


@dataclass(frozen=True, slots=True)
class OffsetsTopic:
    """Where a connector's offsets are written."""

    name: str
    #: Whether it is the worker's own topic, in the worker's cluster.
    is_workers: bool


def offsets_topic(worker: WorkerConfig, connector: Mapping[str, str | None]) -> OffsetsTopic:
    """Return the connector's `offsets.storage.topic`, or the worker's.

    Exactly once, offsets are where the records are: a connector that writes to another cluster has
    its offsets there, by default in a topic of the same name. A standalone worker has a file.
    """
    workers = worker.offset_storage_topic
    exactly_once = worker.exactly_once_source_support == "enabled"
    own = (connector.get("offsets.storage.topic") or "").strip()
    if not workers or not (own or exactly_once):
        return OffsetsTopic(workers, is_workers=True)
    name = own or workers
    return OffsetsTopic(name, is_workers=name == workers and _writes_here(worker, connector))


def _writes_here(worker: WorkerConfig, connector: Mapping[str, str | None]) -> bool:
    """Return whether the connector's producers write to the worker's cluster."""
    key = "bootstrap.servers"
    of_producers = worker.with_prefix("producer.") | client_overrides(
        connector, ClientKind.PRODUCER
    )
    if key not in of_producers:
        return True
    return set(parse_list(of_producers[key])) == set(worker.bootstrap_servers)
