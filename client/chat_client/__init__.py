"""The clients: a core without a face, a full-screen one and a line one."""
