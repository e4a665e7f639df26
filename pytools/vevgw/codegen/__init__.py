"""Generates lib/ocpp_messages from the OCPP JSON schemas and an overlay.

The parts, in order of use: `overlay` (what the schemas do not say), `schemas` (reads and corrects
them), `model` (types with C++ names and sizes), `render` (Jinja2 templates to files), `output`
(writes or compares the folder), `effective` (the schemas as the generated code enforces them).
Nothing here knows a version of OCPP: that is the overlay's part.
"""
