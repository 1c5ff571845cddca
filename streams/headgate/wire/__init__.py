"""The messages on the topics, one file per topic, and their codec: the contract in types.

`schemas/` holds the same contract for other languages; a test keeps the two equal.
"""
