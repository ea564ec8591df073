"""A page on which a person labels what waits, or what is chosen for him."""
