"""Search for the hyperparameters of a training command, each trial a process of its own."""
