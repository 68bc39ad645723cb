"""Use cases: asyncio, ports and events only."""
