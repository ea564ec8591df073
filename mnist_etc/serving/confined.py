"""Run a command whose shared memory no other account can open: ``python confined.py <command> ...``, on x86-64 Linux.

Triton's Python backend passes images through shared memory that its library, Boost, opens to every account by a call
of ``fchmod`` right after it made it, whatever the umask. To close it afterwards is too late: who opened it in between
keeps reading. So a filter in the kernel (seccomp) answers such calls of the command and its children with "done" and
leaves the mode as the umask made it, the owner's alone.

It stands alone, and imports nothing of this project: it is what the server's process was before.
"""

import contextlib
import ctypes
import os
import resource
import struct
import sys

STACK = 2**30
"""Bytes of stack a thread, of which what is used counts: tritonserver reads nested JSON recursively, some 200 bytes a
level. More than 10 MB of brackets in one request still end it; no flag of 2.51 limits a request.
"""
X86_64, FCHMOD, OTHERS = 0xC000003E, 91, 0o077
NO_NEW_PRIVILEGES = 38
SECCOMP, FILTER, SPECULATION_AS_BEFORE = 317, 1, 4
LOAD, EQUAL, ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06
DONE, ALLOW = 0x00050000, 0x7FFF0000
"""Answers of a filter: error 0, without the call; the call."""
PROGRAM = (
    (LOAD, 0, 0, 4),  # the architecture
    (EQUAL, 0, 5, X86_64),
    (LOAD, 0, 0, 0),  # the call's number
    (EQUAL, 0, 3, FCHMOD),
    (LOAD, 0, 0, 24),  # its second argument, the mode
    (ANY_BIT, 0, 1, OTHERS),
    (RETURN, 0, 0, DONE),
    (RETURN, 0, 0, ALLOW),
)
"""Of the kernel's packet filter: operation, steps to skip where the condition holds and where not, operand."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def keep_from_others() -> None:
    """Have this process and its children make nothing that other accounts can open.

    Raises:
        OSError: The kernel takes no filter.
    """
    os.umask(OTHERS)
    libc = ctypes.CDLL(None, use_errno=True)
    program = _Program(len(PROGRAM), b"".join(struct.pack("HBBI", *step) for step in PROGRAM))
    if libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) or libc.syscall(
        SECCOMP, FILTER, SPECULATION_AS_BEFORE, ctypes.byref(program)
    ):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def main(command: list[str]) -> None:
    """Become ``command``, confined."""
    with contextlib.suppress(ValueError, OSError):  # a smaller limit is the administrator's
        resource.setrlimit(resource.RLIMIT_STACK, (STACK, resource.getrlimit(resource.RLIMIT_STACK)[1]))
    try:
        keep_from_others()
    except OSError as error:
        sys.exit(
            f"error: Expected a kernel that filters system calls, to keep senders' images from other accounts; "
            f"received: {error.strerror}. Serve by Docker (serving.server=docker) or from another machine."
        )
    os.execv(command[0], command)  # noqa: S606 -- it is what the launcher asks for


if __name__ == "__main__":
    main(sys.argv[1:])
