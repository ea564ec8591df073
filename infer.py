"""Classify images: ``python infer.py [input=<file or folder>] [key=value ...]`` writes ``..._inference.csv``."""

from mnist_etc.__main__ import infer

if __name__ == "__main__":
    infer()
