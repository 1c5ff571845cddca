"""Checks of a model's endpoint: what is asked, what the answer must be like, and asking."""
