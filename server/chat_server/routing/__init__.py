"""The rules: what a client's packet causes. Pure: no socket, no thread, no clock, no disk."""
