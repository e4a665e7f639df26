"""Judges an OCPP 1.6J charge point: cases as data, a CSMS that follows them, targets that obey.

The way of a case, one step per file:

    loader.py      reads and checks cases/<profile>/*.yaml, the states and the PICS
    suite.py       decides what is applicable, runs many cases at once
    runner.py      walks through one case: stimuli, CALLs of the CSMS, messages to come
    session.py     what the CSMS saw and sent, in order
    matching.py    whether a message is as it must be
    checks.py      what is more than a comparison of fields
    verdict.py     what came out
    report/        terminal, JUnit, HTML

docs/conformance.md tells how a case is written.
"""
