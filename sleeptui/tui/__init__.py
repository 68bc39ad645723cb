"""The panel: the only package that knows Textual, Rich and plotext."""
