"""Simulated fleets: what requests would look like, from a seed, a scenario or a recorded trace."""
