"""One screen a module, with its layout in a .tcss file beside it."""
