"""Classify images with a trained model."""
