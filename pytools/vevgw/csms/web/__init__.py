"""The dashboard of the emulated CSMS: a web page on the same event loop.

    async with Csms() as csms, Dashboard(csms) as dashboard:
        print(dashboard.url)

The way of what happens to the page, one step per file:

    feed.py      what changed, gathered and sent to every open page ten times a second
    views.py     charge points, transactions, frames and curves as JSON
    requests.py  what a page asks for: operations, curves, older frames
    forms.py     forms of operations and faults, from JSON schemas
    switches.py  faults that can be switched off and on
    guard.py     who may open the page
    server.py    HTTP and WebSocket
    static/      the page: plain JavaScript modules, no build step, nothing from elsewhere
"""

from vevgw.csms.web.guard import is_loopback
from vevgw.csms.web.server import Dashboard

__all__ = ["Dashboard", "is_loopback"]
