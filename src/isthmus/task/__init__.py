"""What runs inside a child process: the data path.

Read in this order: `child.py` (a child's life), `pipeline.py` (converters and
transformations) and `errors.py` (what becomes of a record that fails). Into Kafka: `source.py`,
`record_producer.py`, `submitted.py`, `offsets.py`. Out of Kafka: `sink.py`, `consumed.py`,
`sink_offsets.py`, `dead_letters.py`.
"""
