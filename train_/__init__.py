"""The training commands: ``python -m train_.autoencoder``, ``python -m train_.classifier``, and both in turn."""
