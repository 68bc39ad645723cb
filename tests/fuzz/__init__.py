"""Readers of outside data, fed with what is almost right: no exception but ours, nothing else."""
