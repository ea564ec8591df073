"""From data to published models: what is trained in which order, and where it ends up."""
