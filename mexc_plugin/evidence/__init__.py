"""Reads what the record means, and whether that can be: above the store, which knows no venue, and the venue."""
