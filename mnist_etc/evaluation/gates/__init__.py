"""Release gates: what a model is held to before it is published, and the evidence for it."""
