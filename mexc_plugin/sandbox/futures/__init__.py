"""The futures venue of the sandbox."""
