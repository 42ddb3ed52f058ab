"""The ledger: the durable evidence. `write` is used by the verifier, `read` by everyone else."""
