"""What the engine costs, beside its budgets.

`vevgw size` measures code, RAM and stack; `vevgw bench` instructions, heap and flash.
"""
