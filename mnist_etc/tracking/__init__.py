"""Where runs, figures and models are recorded."""
