"""The Faust shell: transport, agents, checkpoints, clock. It holds no rule."""
