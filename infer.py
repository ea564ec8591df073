"""Classify images: ``python infer.py [input=<file or folder>] [key=value ...]`` writes ``..._inference.csv``."""

if __name__ == "__main__":
    from mnist_etc import interrupt

    interrupt.loading()
    from mnist_etc.__main__ import door

    door("infer")()
