"""Who is told of records that failed: the log, and a dead-letter topic (KIP-298)."""

from collections.abc import Mapping

from isthmus.task.errors import LogReporter, Reporter


def reporters(task: str, config: Mapping[str, str | None]) -> list[Reporter]:
    """Return the reporters that the connector's config asks for."""

    def is_on(key: str) -> bool:
        return (config.get(key) or "false").strip().lower() == "true"

    if not is_on("errors.log.enable"):
        return []
    return [LogReporter(task, with_record=is_on("errors.log.include.messages"))]
