"""Which images to ask about: STRATEGIES, a file a strategy."""
