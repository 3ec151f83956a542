"""RPC, transactions, contract artifacts and the local chain. Makes no decisions."""

__all__: list[str] = []
