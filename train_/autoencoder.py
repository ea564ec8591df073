"""The autoencoder alone, by `mnist_etc.training.autoencoder`: ``python -m train_.autoencoder [key=value ...]``."""

from mnist_etc.__main__ import door

main = door("autoencoder")

if __name__ == "__main__":
    main()
