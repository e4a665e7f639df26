"""A native gateway as a charge point for people who need one: `vevgw gateway`.

wiring.py    what is said about chargers -> simulators and settings
station.py   gateway and simulated chargers, and what can be done with them
shell.py     a prompt for it, over a local socket
cli.py       `vevgw gateway run` and `vevgw gateway shell`
"""
