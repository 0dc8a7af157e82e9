"""Record what Apache's worker answers to all scripts: `python -m tests.golden.rest.record`.

Run it at the top of the tree, with `--bootstrap-servers` of a Kafka that has no such topics yet.
"""

import argparse
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path

from isthmus.embedded.process import free_port
from tests.golden.rest.scripts import OWN, PLAIN
from tests.support.apache import QUICK_START, ApacheConnect
from tests.support.rest_script import Script, Target, with_ports, write_answers

ANSWERS = Path(__file__).with_name("answers")
#: What both workers have in common.
COMMON = {
    "key.converter": "org.apache.kafka.connect.storage.StringConverter",
    "value.converter": "org.apache.kafka.connect.storage.StringConverter",
    "offset.flush.interval.ms": "500",
    "scheduled.rebalance.max.delay.ms": "0",
}


def record(scripts: Sequence[Script], bootstrap_servers: str, only: Sequence[str]) -> None:
    """Have one worker answer these scripts, and keep the answers."""
    wanted = [script for script in scripts if not only or script.name in only]
    if not wanted:
        return
    run = uuid.uuid4().hex[:8]
    ports = [free_port() for _ in range(1 + wanted[0].more_listeners)]
    properties = {**COMMON, **with_ports(wanted[0].properties, ports), "group.id": f"rest-{run}"}
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        target = Target(ports, place, run)
        with ApacheConnect(
            place / "worker", bootstrap_servers, properties, ports[0], jvm_options=QUICK_START
        ):
            for script in wanted:
                answers = list(target.run_script(script))
                write_answers(ANSWERS / f"{script.name}.jsonl", answers)
                print(f"{script.name}: {len(answers)} answers")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap-servers", required=True)
    parser.add_argument("scripts", nargs="*", help="record these only")
    arguments = parser.parse_args()
    ANSWERS.mkdir(exist_ok=True)
    if not arguments.scripts:
        (ANSWERS / "settings.jsonl").unlink(missing_ok=True)
    for scripts in (PLAIN, *([script] for script in OWN)):
        record(scripts, arguments.bootstrap_servers, arguments.scripts)


if __name__ == "__main__":
    main()
