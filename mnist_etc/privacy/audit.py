"""The audit, by `mnist_etc.audit.job`: ``python -m mnist_etc.privacy.audit [key=value ...]``."""

from mnist_etc.__main__ import door

main = door("audit")

if __name__ == "__main__":
    main()
