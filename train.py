"""Fit the autoencoder, then the classifier on its hidden code: ``python train.py [key=value ...]``."""

from train_.pipeline import main

if __name__ == "__main__":
    main()
