"""Who may ask the live page."""
