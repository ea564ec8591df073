"""A Triton server: its model repository, starting it, measuring it, tuning it, asking it."""
