"""MEXC's protocol: endpoints, requests, answers, and what an answer means. Pure; no ccxt, no SQL."""
