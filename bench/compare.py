"""Apache's own Connect worker and ours, one after the other on the same broker.

    python -m bench.compare [--rounds N] [--records N] [--cases "NAME;…"] [--scale PART]
                            [--json FILE] [--svg FILE]

Rounds alternate between the workers; each worker is alone when it is measured, and warm where data
is moved. The table holds medians, the ratio, how far the ratio of single rounds spreads, and the
part of the Kafka client's own limit that ours comes to. Absolute figures belong to the machine of
the moment; only the ratios say something. docs/benchmarks.md has what each case measures.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from bench import fleet, moments, throughput
from bench.chart import bars
from bench.ground import Bench, registry_for
from bench.summary import WORKERS, as_data, summarize_all, table
from isthmus.embedded.kafka import EmbeddedKafka

_SCENARIOS = (throughput, moments, fleet)
#: In the order of the table.
CASES = [case for scenario in _SCENARIOS for case in scenario.CASES]


def measure(bench: Bench, worker: str, chosen: set[str]) -> None:
    """Measure all chosen cases of one worker, once."""
    for scenario in _SCENARIOS:
        wanted = chosen & {case.name for case in scenario.CASES}
        if wanted:
            scenario.measure(bench, worker, wanted)


def main() -> int:
    options = _options()
    chosen = {
        case.name for case in CASES if any(part in case.name for part in options.cases.split(";"))
    }
    with (
        tempfile.TemporaryDirectory(prefix="isthmus-bench-") as directory,
        EmbeddedKafka(Path(directory) / "kafka", heap_mb=1024) as kafka,
        registry_for(chosen, Path(directory)) as registry,
    ):
        bench = Bench(
            kafka.bootstrap_servers, Path(directory), options.records, registry, options.scale
        )
        print("Preparing …", flush=True)
        throughput.prepare(bench, chosen)
        for number in range(options.rounds):
            print(f"Round {number + 1} of {options.rounds}", flush=True)
            for worker in WORKERS:
                measure(bench, worker, chosen)
    summaries = summarize_all(CASES, bench.results)
    print(table(summaries))
    if options.json:
        options.json.write_text(json.dumps(as_data(summaries, bench.results), indent=2))
    if options.svg:
        options.svg.write_text(bars(summaries), encoding="utf-8")
    return 1 if bench.failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--records", type=int, default=1_000_000, help="of a hundred bytes; of large ones less"
    )
    parser.add_argument(
        "--cases", default="", help="parts of the names of cases, by semicolon; all by default"
    )
    parser.add_argument(
        "--scale",
        type=float,
        default=1.0,
        help="the part of the connectors to create that a case names, to try a case out",
    )
    parser.add_argument("--json", type=Path, help="also write all figures to this file")
    parser.add_argument("--svg", type=Path, help="also draw them")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
