"""How many, how often, how long."""
