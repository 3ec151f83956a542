"""What several test folders share: mutated contracts, a ghost ledger, readers of the whole state."""
