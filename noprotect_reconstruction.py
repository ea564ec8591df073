"""Rebuild images from answers: ``python noprotect_reconstruction.py [key=value ...]``, under each output policy."""

from mnist_etc.__main__ import reconstruct

if __name__ == "__main__":
    reconstruct()
