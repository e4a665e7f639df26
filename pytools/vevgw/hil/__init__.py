"""Hardware in the loop: what a bench has, and how the system tests use it (docs/hil.md).

`test/system/conftest.py` makes fixtures of it. The native gateway is a bench of its own, with every
wire: what a wire does to a board is done to the process there.
"""
