"""What the server keeps: the interface, the engines behind it, and the check of a stored log."""
