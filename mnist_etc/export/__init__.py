"""Trained models to files that others read."""
