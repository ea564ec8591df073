"""The fit of any model: one loop over epochs, with plain steps or private ones."""
