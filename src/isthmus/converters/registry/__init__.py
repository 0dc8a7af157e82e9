"""Converters whose schemas live in a schema registry: Avro, Protobuf and JSON Schema.

config.py        what users of Confluent's and Apicurio's converters have in their configs
client.py        schemas by id, by subject, with what they refer to; retries, credentials, TLS
subjects.py      under which subject a schema is registered
wire.py          magic byte and schema id; what bytes look like that are something else
converter.py     what the three have in common: a reader and a writer made once for each schema
avro….py, protobuf….py, json_….py
apicurio.py      what only Apicurio's own API has: global ids, schemas of Connect
ext_json.py      Apicurio's JSON, whose schema is one of Connect
"""
