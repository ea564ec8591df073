"""Training from few labels: ask a label database, learn, ask again."""
