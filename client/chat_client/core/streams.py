"""Standard input, output and error that a caller closed."""

import os
import sys

__all__ = ["fill_gaps"]


def fill_gaps() -> None:
    """Give streams that were closed a place where nothing is and everything is lost; call it first of all.

    A file of the profile's would get their number otherwise, and what is written to a database as standard error
    destroys it.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdin = sys.stdin or os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)
