"""The record, or one cancel of it, in a file that a stranger can check: written here, and verified without a database."""
