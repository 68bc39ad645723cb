"""The domain: values, state table and policies; no I/O, no clock, no asyncio."""
