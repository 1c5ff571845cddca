"""A/B tests: which arm is better, by how much, and how sure that is, however often one looks.

`plan_test` fixes what is asked before the start, `count` counts each arm since then, `read_test`
gives intervals and verdicts. Pure; docs/decisions/0010 says what was decided and why.
"""
