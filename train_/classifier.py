"""The classifier alone, by `mnist_etc.training.classifier`: ``python -m train_.classifier [key=value ...]``."""

from mnist_etc.__main__ import door

main = door("classifier")

if __name__ == "__main__":
    main()
