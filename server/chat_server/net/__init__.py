"""Sockets: accept, read, split frames, coalesced writes, deadlines. Knows connections, not people."""
