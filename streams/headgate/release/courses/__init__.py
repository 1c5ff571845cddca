"""The ways a version reaches traffic: each a small state machine over the state of a rollout."""
