"""The HTTP service: the published model behind an API, its answers never telling more than its output policy lets."""
