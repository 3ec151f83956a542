"""One module per command, each with ``command``; options that several share are in ``options``."""

__all__: list[str] = []
