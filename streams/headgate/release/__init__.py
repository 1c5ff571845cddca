"""What to do: rollouts, incidents and the fold. Pure: no Kafka, clock or randomness."""
