"""Images from files to arrays."""
