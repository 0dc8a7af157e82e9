"""The command `connect-standalone`: one worker by itself, with connectors from files."""

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from isthmus.api.errors import ConnectError
from isthmus.cli.connector_files import read_connector_file
from isthmus.cli.running import WRONG_USAGE, Launch, run_worker
from isthmus.cli.standalone_mode import StandaloneMode
from isthmus.config.standalone import StandaloneConfig
from isthmus.herder.api import HerderServices
from isthmus.herder.errors import RestError
from isthmus.herder.standalone import StandaloneServices

log = logging.getLogger("isthmus.connect")

_USAGE = "Usage: connect-standalone worker.properties [connector1.properties connector2.json …]"


def main(arguments: list[str] | None = None) -> int:
    """Run a worker; return its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    if not given or {"-h", "--help"} & set(given):
        print(_USAGE, file=sys.stderr)
        return WRONG_USAGE
    files = [Path(file) for file in given[1:]]

    def prepare(properties: dict[str, str]) -> Launch:
        config = StandaloneConfig.from_properties(properties)
        mode = StandaloneMode(config.offset_file)
        return Launch(config.worker, mode, lambda services: _create(files, services))

    return run_worker("ConnectStandalone", given, prepare)


async def _create(files: Sequence[Path], services: HerderServices) -> None:
    """Create the connectors of the command line, one after the other.

    Raises:
        ConnectError: A file, or what it says, is wrong.
    """
    for file in files:
        name, config, target_state = read_connector_file(file)
        try:
            await services.put_connector_config(name, config, target_state, allow_replace=False)
        except RestError as error:
            raise ConnectError(f"Failed to create connector for {file}: {error}") from error
        log.info("Created connector %s", name)
    if isinstance(services, StandaloneServices):
        services.connectors_created()


if __name__ == "__main__":
    sys.exit(main())
