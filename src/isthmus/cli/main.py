"""The command `isthmus`."""

import argparse
import sys
from pathlib import Path

from isthmus import CONNECT_VERSION, __version__
from isthmus.api.errors import ConnectError
from isthmus.cli.quickstart import quickstart


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        return quickstart(once=options.once, file=options.file)
    except ConnectError as error:
        print(f"isthmus quickstart: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="isthmus",
        description="Distributed Kafka Connect in Python.",
        epilog="A worker of a cluster is started with `connect-distributed worker.properties`.",
    )
    version = f"isthmus {__version__} (Kafka Connect {CONNECT_VERSION})"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    start = commands.add_parser(
        "quickstart",
        help="start Kafka and two workers, move a real file, kill a worker, show the result",
        description="Starts real Apache Kafka and two workers on this machine, copies a file"
        " through a topic, kills one of the workers, shows that nothing is lost, and stays up"
        " until Ctrl-C.",
    )
    start.add_argument(
        "--once", action="store_true", help="check the result byte for byte, stop, exit 0 or 1"
    )
    start.add_argument(
        "--file",
        type=Path,
        metavar="PATH",
        help="the file to move (default: the log of the Kafka that is started, as it grows)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
