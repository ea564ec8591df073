"""Pictures of what a training came to."""
