"""python -m tests.soak --minutes 60

Ten sources and ten sinks on two workers; a third worker comes or goes each minute, so that the
group rebalances each minute. Ends with 1 unless memory and descriptors are flat, no process is a
zombie and all offsets advance.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.soak.soak import Soak


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--directory", type=Path, help="where logs and topics are kept")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        directory: Path = arguments.directory or Path(temporary)
        with Soak(directory) as soak:
            report = soak.run(arguments.minutes)
    print("\n".join(report.lines()))
    return 0 if report.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
