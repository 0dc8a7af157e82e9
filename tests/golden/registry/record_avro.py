"""Records what Apache's Avro for Java reads of our bytes, and what it writes of that.

    python -m tests.golden.registry.record_avro

Needs a JDK on PATH. The jars are those of the schema registry that the tests start.
"""

import json
import os
import subprocess
from pathlib import Path

from isthmus.converters.registry.avro_from_connect import avro_text
from isthmus.converters.registry.avro_options import AvroOptions
from isthmus.converters.registry.avro_schema import parse_avro
from isthmus.converters.registry.avro_write import AvroWriting
from isthmus.converters.registry.client import StoredSchema
from tests.support.avro_cases import CASES
from tests.support.registry import unpacked

HERE = Path(__file__).parent
JARS = ("org.apache.avro.avro-", "com.fasterxml.jackson.core.", "org.slf4j.slf4j-api-")


def main() -> None:
    options = AvroOptions(enhanced=True)
    asked: list[tuple[str, str, str]] = []
    for name, (schema, value) in CASES.items():
        text = avro_text(schema, options).text
        avro = parse_avro(StoredSchema("AVRO", text, {}))
        data = AvroWriting(options, strict=True).writer(schema, avro)(value)
        asked.append((name, text, data.hex()))
    folder = unpacked() / "lib" / "main"
    jars = [str(jar) for jar in sorted(folder.iterdir()) if jar.name.startswith(JARS)]
    done = subprocess.run(
        ["java", "-cp", os.pathsep.join(jars), str(HERE / "ReadAvro.java")],
        input="".join(f"{text}\t{data}\n" for _, text, data in asked),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    with (HERE / "avro.jsonl").open("w", encoding="utf-8") as file:
        for (name, text, data), answer in zip(asked, done.stdout.splitlines(), strict=True):
            read, _, written = answer.partition("\t")
            line = {
                "case": name,
                "schema": json.loads(text),
                "ours": data,
                "java_reads": read,
                "java_writes": written,
            }
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
