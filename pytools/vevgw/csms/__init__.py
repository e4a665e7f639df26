"""An emulated OCPP 1.6J CSMS, for tests, demonstrations and people.

    from vevgw.csms import Csms

    async with Csms(db="session.sqlite3") as csms:          # port 0: any free port, see csms.url
        cp = await csms.wait_for_charge_point("CP1", timeout_s=10)
        await cp.expect("BootNotification", timeout_s=5)
        start = await cp.expect("StartTransaction", timeout_s=5, match={"connectorId": 1})
        await cp.call("RemoteStopTransaction", {"transactionId": 1}, timeout_s=10)
        print(csms.books.transaction(1).energy_wh)

Every received and sent frame is checked against the OCPP schemas and kept in SQLite; see store.py
for the tables.
"""

from vevgw.csms.access import Access
from vevgw.csms.behaviour import Behaviour, Boot, IdTag, IdTags
from vevgw.csms.books import Books
from vevgw.csms.charge_point import ChargePoint
from vevgw.csms.effects import (
    FORMS,
    Answer,
    Burst,
    Close,
    Delay,
    Drop,
    Duplicate,
    EchoSubprotocol,
    FaultOn,
    FaultPolicy,
    Fragments,
    Freeze,
    HttpStatus,
    Malformed,
    NeverAnswer,
    RefuseWith,
    SendText,
    Thaw,
    Trickle,
    WrongId,
)
from vevgw.csms.entries import ChargePointEntry, ConnectorState, Sample, Transaction
from vevgw.csms.errors import (
    CallRefused,
    CsmsError,
    DatabaseError,
    InvalidAnswer,
    InvalidCall,
    NotConnected,
    UnexpectedMessage,
    WaitTimeout,
)
from vevgw.csms.fault_kinds import FAULT_KINDS, FaultKind
from vevgw.csms.faults import Fault, Faults, parse_fault, read_fault_script
from vevgw.csms.history import Direction, FrameRecord, Verdict
from vevgw.csms.queries import LoggedFrame, LogReader
from vevgw.csms.server import Csms

__all__ = [
    "FAULT_KINDS",
    "FORMS",
    "Access",
    "Answer",
    "Behaviour",
    "Books",
    "Boot",
    "Burst",
    "CallRefused",
    "ChargePoint",
    "ChargePointEntry",
    "Close",
    "ConnectorState",
    "Csms",
    "CsmsError",
    "DatabaseError",
    "Delay",
    "Direction",
    "Drop",
    "Duplicate",
    "EchoSubprotocol",
    "Fault",
    "FaultKind",
    "FaultOn",
    "FaultPolicy",
    "Faults",
    "Fragments",
    "FrameRecord",
    "Freeze",
    "HttpStatus",
    "IdTag",
    "IdTags",
    "InvalidAnswer",
    "InvalidCall",
    "LogReader",
    "LoggedFrame",
    "Malformed",
    "NeverAnswer",
    "NotConnected",
    "RefuseWith",
    "Sample",
    "SendText",
    "Thaw",
    "Transaction",
    "Trickle",
    "UnexpectedMessage",
    "Verdict",
    "WaitTimeout",
    "WrongId",
    "parse_fault",
    "read_fault_script",
]
