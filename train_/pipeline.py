"""The autoencoder, then the classifier on its code, by `mnist_etc.training.pipeline`: ``python -m train_.pipeline``."""

from mnist_etc.__main__ import door

main = door("train")

if __name__ == "__main__":
    main()
