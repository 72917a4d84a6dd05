"""The adapter itself: the only room that imports ccxt."""

# Before any module of this room: below `mexc-plugin run` the import of ccxt installs the adapter,
# which needs those modules whole.
import ccxt  # noqa: F401
