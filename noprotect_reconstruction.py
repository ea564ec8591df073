"""Rebuild images from answers: ``python noprotect_reconstruction.py [key=value ...]``, under each output policy."""

if __name__ == "__main__":
    from mnist_etc import interrupt

    interrupt.loading()
    from mnist_etc.__main__ import door

    door("reconstruct")()
