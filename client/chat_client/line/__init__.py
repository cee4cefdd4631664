"""The line client: a prompt for people, and commands for scripts. It renders what the core decides."""
