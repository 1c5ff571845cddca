"""Is it proven: policies, triggers and verdicts. Pure: no Kafka, clock or randomness."""
