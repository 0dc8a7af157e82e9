"""Real Apache Kafka for the quickstart and the tests."""
