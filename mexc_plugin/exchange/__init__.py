"""The adapter itself: the only room that imports ccxt."""
