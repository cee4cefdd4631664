"""The parts of the chat screen. Each draws rows itself (Textual's Line API) from values that it is handed."""
