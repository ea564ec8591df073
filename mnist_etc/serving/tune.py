"""The search, by `mnist_etc.serving.tuning.tune`: ``python -m mnist_etc.serving.tune [key=value ...]``."""

from mnist_etc.__main__ import door

main = door("tune")

if __name__ == "__main__":
    main()
