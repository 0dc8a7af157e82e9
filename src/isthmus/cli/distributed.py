"""The command `connect-distributed`: one worker of a cluster, until it is told to stop."""

import sys

from isthmus.cli.distributed_mode import DistributedMode
from isthmus.cli.running import WRONG_USAGE, Launch, run_worker
from isthmus.config.worker import WorkerConfig


def main(arguments: list[str] | None = None) -> int:
    """Run a worker; return its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    if len(given) != 1 or given[0] in ("-h", "--help"):
        print("Usage: connect-distributed worker.properties", file=sys.stderr)
        return WRONG_USAGE

    def prepare(properties: dict[str, str]) -> Launch:
        config = WorkerConfig.from_properties(properties)
        return Launch(config, DistributedMode(config))

    return run_worker("ConnectDistributed", given, prepare)


if __name__ == "__main__":
    sys.exit(main())
