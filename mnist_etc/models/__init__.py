"""Networks in pure Keras: a file a model, no input or output."""
