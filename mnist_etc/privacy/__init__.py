"""Differential privacy: who is sampled, how gradients are clipped and noised, and what it all spends."""
