"""chat-server: routes messages between people, and forgets none."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("chat-suite")
except PackageNotFoundError:  # run from a tree that is not installed
    __version__ = "0.0.0"
