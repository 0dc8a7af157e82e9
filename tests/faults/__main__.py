"""python -m tests.faults --rounds 100 --seed 7 [--exactly-once] [--only KIND]

Ends with 1 if a record was lost or came too late, or came twice with --exactly-once; then logs and
topics are kept.
"""

import argparse
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from tests.faults.kinds import FAULTS
from tests.faults.rig import Rig
from tests.faults.suite import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--exactly-once", action="store_true")
    parser.add_argument("--only", action="append", choices=sorted(FAULTS), default=[])
    parser.add_argument("--directory", type=Path, help="where logs and topics are kept")
    arguments = parser.parse_args()
    directory = arguments.directory or Path(tempfile.mkdtemp(prefix="faults-"))
    print(f"seed {arguments.seed}, logs in {directory}", flush=True)
    with Rig(directory, exactly_once=arguments.exactly_once) as rig:
        summary = run(rig, arguments.rounds, arguments.seed, arguments.only)
    print("\n".join(summary.lines()))
    if summary.is_good and arguments.directory is None:
        shutil.rmtree(directory, ignore_errors=True)
    return 0 if summary.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
