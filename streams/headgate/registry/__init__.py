"""What is known of versions: their lifecycle. Pure: no Kafka, clock or randomness."""
