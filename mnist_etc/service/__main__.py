"""The HTTP service, by `mnist_etc.service.job`: ``python -m mnist_etc.service [key=value ...]``."""

from mnist_etc.__main__ import door

main = door("service")

if __name__ == "__main__":
    main()
