"""The simulated fleet: real HTTP servers that answer as vLLM was seen to answer."""
