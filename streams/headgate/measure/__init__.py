"""What happened: sketches, panes, windows and metrics. Pure: no Kafka, clock or randomness."""
