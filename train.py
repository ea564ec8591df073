"""Fit the autoencoder, then the classifier on its hidden code: ``python train.py [key=value ...]``."""

if __name__ == "__main__":
    from mnist_etc import interrupt

    interrupt.loading()
    from train_.pipeline import main

    main()
