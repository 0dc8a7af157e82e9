"""What plugins are written against. This package imports nothing else of Isthmus.

connector.py         which tasks there are                        SourceConnector, SinkConnector
task.py              moving the data                              SourceTask, SinkTask
record.py            what is moved: records, and batches of them  SourceRecord, SinkRecord
schema.py            what data is                                 Schema, struct_schema, STRING …
struct.py            data with named members, checked             Struct, validate, with_default
columnar.py          many structs or dicts, by columns         Structs, Maps
logical.py           decimals, dates and times                    decimal_schema, DATE …
projection.py        from one schema to another                   projection
config_def.py        settings and their checks                    ConfigDef
validators.py        more of those checks
converter.py         data to bytes and back                       Converter, HeaderConverter
transformation.py    changes on the way                           Transformation, Predicate
config_provider.py   values from elsewhere                        ConfigProvider
rest_extension.py    requests of one's own                        RestExtension
errors.py            what to raise                                ConnectError, RetriableError …

A docstring here is a contract: what a class is for, what the runtime promises, what it does not,
and the mistake that is made most.
"""
