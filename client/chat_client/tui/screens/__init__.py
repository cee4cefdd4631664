"""What fills the terminal: the chat, the first run, and the dialogs above them."""
