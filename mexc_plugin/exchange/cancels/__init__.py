"""ccxt's methods that cancel: what a caller gave, and what he gets."""
