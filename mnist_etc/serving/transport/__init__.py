"""Connections to a Triton server, one file a protocol."""
