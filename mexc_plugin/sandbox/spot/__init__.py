"""The spot venue of the sandbox."""
