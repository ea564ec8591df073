"""What an audit is: all that its coins and its noise follow from where a seed is given."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from mnist_etc.audit.config import AuditCommand
from mnist_etc.data import Split

__all__ = ["identify"]


def identify(command: AuditCommand, images: Split) -> dict[str, Any]:
    """The settings and the images of an audit, as `mnist_etc.privacy.seeds.secret_numbers` takes them.

    Two audits of one given seed that share coins and noise would give the images of one away against the other's.
    """
    digest = hashlib.sha256(np.ascontiguousarray(images.images))
    digest.update(np.ascontiguousarray(images.labels, dtype="<i8"))
    return {"settings": repr(command), "images": digest.hexdigest()}
