"""A model of the zoo, by `mnist_etc.training.supervised`: ``python -m train_.supervised [key=value ...]``."""

from mnist_etc.__main__ import door

main = door("supervised")

if __name__ == "__main__":
    main()
