"""Attacks on private trainings: how much they give away, against the epsilon that they state."""
