"""Where runs, metrics and models are recorded: sinks behind one tracker, and MLflow as the first of them."""
