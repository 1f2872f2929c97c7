"""Training of AFD modules: pairs, losses, loop, checkpoints."""
