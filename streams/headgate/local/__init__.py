"""What runs on one machine: the embedded broker, a real Kafka, the demo."""
