"""python -m tests.fuzz --inputs 1000000 --seed 7 [--target "REST body"]

Ends with 1 if a reader raised what it does not declare, or took longer than a second for an input.
"""

import argparse
import logging
import secrets
import sys
import tempfile
from pathlib import Path

from tests.fuzz.run import fuzz
from tests.fuzz.targets import targets


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--inputs", type=int, default=1_000_000, help="of all targets together")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--target", default="", help="only targets with this in their names")
    arguments = parser.parse_args()
    logging.disable()
    print(f"seed {arguments.seed}", flush=True)
    total = crashes = 0
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # hundred thousands of small files
    with tempfile.TemporaryDirectory(dir=memory) as directory, targets(Path(directory)) as found:
        chosen = [target for target in found if arguments.target in target.name]
        for target in chosen:
            result = fuzz(target, -(-arguments.inputs // len(chosen)), arguments.seed)
            print(result, flush=True)
            total, crashes = total + result.inputs, crashes + len(result.crashes)
    print(f"inputs {total}, crashes {crashes}")
    return 1 if crashes else 0


if __name__ == "__main__":
    sys.exit(main())
