"""Statistics as pictures, for the report and the live page."""
