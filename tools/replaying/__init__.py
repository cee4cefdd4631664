"""What the replay of a log is made of; ``tools.replay`` is its command."""
