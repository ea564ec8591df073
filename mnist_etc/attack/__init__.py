"""Rebuild the image that was sent from what the served model answered, and measure how well."""
