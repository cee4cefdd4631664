"""What the operator of a server asks it from the same machine: ``chat-server stats``, ``top`` and ``trace``."""
