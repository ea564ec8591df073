"""A model from few labels, by `mnist_etc.training.few_labels`: ``python -m train_.few_labels [key=value ...]``."""

from mnist_etc.__main__ import door

main = door("few_labels")

if __name__ == "__main__":
    main()
