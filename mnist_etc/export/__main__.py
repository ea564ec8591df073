"""Publication for Triton, by `mnist_etc.export.job`: ``python -m mnist_etc.export [key=value ...]``."""

from mnist_etc.__main__ import door

main = door("export")

if __name__ == "__main__":
    main()
