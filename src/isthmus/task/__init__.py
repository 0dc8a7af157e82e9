"""What runs inside a child process: the data path.

Read in this order: `__main__.py` (a child's life), `source.py` (into Kafka) and `sink.py` (out of
Kafka), `pipeline.py` (converters and transformations), `submitted.py` and `offsets.py`.
"""
