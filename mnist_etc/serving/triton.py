"""A real Triton, by `mnist_etc.serving.serve`: ``python -m mnist_etc.serving.triton [key=value ...]``."""

from mnist_etc.__main__ import door

main = door("serve")

if __name__ == "__main__":
    main()
