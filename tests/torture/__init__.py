"""The proof that nothing is lost: processes killed, power cut, system calls failed, servers frozen.

`make test` runs the short forms, `make torture` the long ones and writes docs/reliability.md.
"""
