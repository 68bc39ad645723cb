"""Results of other tools as sessions: kept under their own names, never merged with ours."""
