"""Digit-like images from data to a tuned server, with a true account of how private the result is."""
