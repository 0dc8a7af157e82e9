"""Kafka clients, topic logs and admin calls: the ground that both processes stand on."""
