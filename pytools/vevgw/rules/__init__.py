"""Which test shows which rule of OCPP: reads the rules, the citations above tests, compares."""
