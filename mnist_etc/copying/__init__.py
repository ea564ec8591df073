"""Datasets and artifacts to and from a bucket."""
