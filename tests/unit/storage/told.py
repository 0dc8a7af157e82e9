"""A listener of the config topic that writes down what it is told."""

from isthmus.storage.cluster_state import SessionKey
from isthmus.storage.config_records import RestartRequest


class Told:
    def __init__(self) -> None:
        self.events: list[tuple[str, ...]] = []
        self.keys: list[SessionKey] = []
        self.restarts: list[RestartRequest] = []

    def connector_config_updated(self, name: str) -> None:
        self.events.append(("updated", name))

    def connector_config_removed(self, name: str) -> None:
        self.events.append(("removed", name))

    def task_configs_updated(self, name: str) -> None:
        self.events.append(("tasks", name))

    def target_state_changed(self, name: str) -> None:
        self.events.append(("state", name))

    def session_key_updated(self, key: SessionKey) -> None:
        self.keys.append(key)

    def restart_requested(self, request: RestartRequest) -> None:
        self.restarts.append(request)

    def logger_level_updated(self, namespace: str, level: str) -> None:
        self.events.append(("level", namespace, level))
