"""What happened, on disk: the journal, and all that is rebuilt from it alone."""
