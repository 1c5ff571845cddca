"""The `headgate` command: one module per group of commands."""
