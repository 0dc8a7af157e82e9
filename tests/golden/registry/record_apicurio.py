"""Records what Apicurio's converters for Java, of version 2.6.13, read of our bytes and write.

    python -m tests.golden.registry.record_apicurio

Both sides have the default settings and one registry, which is started for it. Needs a JDK on PATH.
"""

import json
import subprocess
import tempfile
from pathlib import Path

from isthmus.api.converter import Converter
from isthmus.converters.json import JsonConverter
from isthmus.converters.registry.avro import AvroConverter
from isthmus.converters.registry.ext_json import ExtJsonConverter
from isthmus.embedded.jars import class_path, read_list
from tests.support.protobuf_cases import CASES
from tests.support.registry import ApicurioRegistry

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
JARS = ("tests/support/connect-4.3.1.jars", "bench/apicurio-converter-2.6.13.jars")


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        registry = ApicurioRegistry(Path(directory))
        registry.start()
        try:
            record(f"{registry.address}/apis/registry/v2")
        finally:
            registry.stop()


def record(url: str) -> None:
    ours: list[Converter] = [JsonConverter(), AvroConverter(), ExtJsonConverter()]
    for converter in ours:
        config = {"apicurio.registry.url": url, "apicurio.registry.auto-register": "true"}
        converter.configure(config, is_key=False)
    asked = [_line(f"case-{number}", name, ours) for number, name in enumerate(CASES)]
    jars = [jar for file in JARS for jar in read_list(ROOT / file)]
    done = subprocess.run(
        ["java", "-cp", class_path(jars), str(HERE / "UseApicurio.java"), url],
        input="".join(asked),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    with (HERE / "apicurio.jsonl").open("w", encoding="utf-8") as file:
        for name, question, answer in zip(CASES, asked, done.stdout.splitlines(), strict=True):
            *_, avro_ours, ext_ours = question.strip().split("\t")
            avro_read, avro_written, ext_read, ext_written = answer.split("\t")
            line = {
                "case": name,
                "avro_ours": avro_ours,
                "avro_reads": avro_read,
                "avro_writes": avro_written,
                "ext_json_ours": ext_ours,
                "ext_json_reads": ext_read,
                "ext_json_writes": ext_written,
            }
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _line(topic: str, name: str, converters: list[Converter]) -> str:
    plain, *binary = [one.from_connect(topic, *CASES[name]) or b"" for one in converters]
    return "\t".join([topic, plain.decode(), *(data.hex() for data in binary)]) + "\n"


if __name__ == "__main__":
    main()
