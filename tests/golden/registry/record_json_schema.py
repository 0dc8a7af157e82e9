"""Records what Java reads of our JSON with a JSON Schema, and what it writes of that.

    python -m tests.golden.registry.record_json_schema

Everit's validator must take both, schema and data; Jackson reads and writes the data. They are the
libraries that Java's serializers for JSON Schema use. Needs a JDK on PATH; the jars are those of
the schema registry that the tests start.
"""

import json
import os
import subprocess
from pathlib import Path

from tests.support.json_schema_cases import CASES
from tests.support.registry import unpacked

HERE = Path(__file__).parent
JARS = (
    "com.github.erosb.everit-json-schema-",
    "org.json.json-",
    "com.fasterxml.jackson.core.",
    "com.google.re2j.",
    "com.damnhandy.",
    "commons-validator.",
)


def main() -> None:
    asked: list[tuple[str, str, str]] = []
    for name, case in CASES.items():
        with case.converter() as converter:
            text = converter.own_schema(case.schema).text
            data = converter.from_connect("t", case.schema, case.value)
        assert data is not None
        asked.append((name, text, data[5:].decode()))
    folder = unpacked() / "lib" / "main"
    jars = [str(jar) for jar in sorted(folder.iterdir()) if jar.name.startswith(JARS)]
    done = subprocess.run(
        ["java", "-cp", os.pathsep.join(jars), str(HERE / "ReadJsonSchema.java")],
        input="".join(f"{text}\t{data}\n" for _, text, data in asked),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    with (HERE / "json_schema.jsonl").open("w", encoding="utf-8") as file:
        for (name, text, data), answer in zip(asked, done.stdout.splitlines(), strict=True):
            schema_class, title, written = answer.split("\t")
            line = {
                "case": name,
                "schema": json.loads(text),
                "ours": data,
                "java_schema": schema_class,
                "java_title": title,
                "java_writes": written,
            }
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
