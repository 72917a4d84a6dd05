"""`python -m mexc_plugin …` is the same program as `mexc-plugin …`."""

from mexc_plugin.cli import main

if __name__ == "__main__":
    main()
