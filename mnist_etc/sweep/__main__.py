"""The search for hyperparameters, by `mnist_etc.sweep.job`: ``python -m mnist_etc.sweep [key=value ...]``."""

from mnist_etc.__main__ import door

main = door("sweep")

if __name__ == "__main__":
    main()
