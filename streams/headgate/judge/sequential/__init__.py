"""Sequential proof: evidence that may be read at any moment, however often.

`bets` are the increments of one look, `budget` says how much new money a look may bring,
`process` adds both up to an e-value, `bursts` slows it down where outcomes come in runs.
`plan` makes tests of a policy's triggers, `bank` and `columns` lay them out as arrays, `observing`
feeds them, `verdicts` reads them.
"""
