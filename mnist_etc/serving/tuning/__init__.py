"""The search for the fastest configuration of a server on this machine."""
