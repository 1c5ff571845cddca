"""Headgate: proof-based progressive delivery for LLM versions."""

__version__ = "0.1.0"
