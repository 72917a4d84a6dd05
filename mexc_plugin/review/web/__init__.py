"""The record as a live page: `audit serve`. It only reads, and it is the only room with Starlette.

`serving.run` binds and serves; `app.application` is the ASGI application below it:

    guard      who may ask: host, method, origin, token; and the headers of every answer
    reading    queries in threads, each on a read-only connection of its own
    feed       one poller for everybody who watches; pages are told that there is something new
    pages      the pages; `api` the same as JSON
"""
