"""Terminal control panel for vLLM sleep mode."""

__version__ = "0.1.0"
