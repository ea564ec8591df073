"""What a model is measured by, and how it is shown."""
