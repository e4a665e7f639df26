"""Speaks the console protocol of the gateway on a pseudo-terminal: for tests of vevgw.dut only.

Command line as the native gateway: --data=DIR --console=pty:LINK, others are printed. Counts its
starts in DIR/boots.
"""

from __future__ import annotations

import json
import os
import sys
import tty
from pathlib import Path


class FakeGateway:
    """One console."""

    def __init__(self, data: Path, link: Path) -> None:
        data.mkdir(exist_ok=True)
        boots = data / "boots"
        self.boots = int(boots.read_text()) + 1 if boots.exists() else 1
        boots.write_text(str(self.boots))
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.boot_lines()
        link.symlink_to(os.ttyname(self.slave))

    def put(self, text: str) -> None:
        os.write(self.master, text.encode())

    def event(self, name: str, **members: object) -> None:
        self.put(f"EVT {json.dumps({'event': name, **members})}\n")

    def boot_lines(self) -> None:
        self.put("\x1b[0;32mI (5) app: starting\x1b[0m\r\n")
        self.event("ready", boots=self.boots)

    def run(self) -> None:
        rest = b""
        while True:
            *lines, rest = (rest + os.read(self.master, 4096)).split(b"\n")
            for line in lines:
                self.handle(line.decode())

    def handle(self, line: str) -> None:
        number, words = 0, line.split()
        if words and words[0].startswith("#"):
            number = int(words.pop(0)[1:])
        command, arguments = (words[0], words[1:]) if words else ("", [])
        answer: dict[str, object] = {"id": number, "ok": True}
        if command == "status":
            answer["boots"] = self.boots
        elif command == "echo":
            answer["text"] = " ".join(arguments)
        elif command == "event":
            self.event(arguments[0], **json.loads("".join(arguments[1:]) or "{}"))
        elif command == "log":
            self.put(f"W (77) {arguments[0]}: {' '.join(arguments[1:])}\n")
        elif command == "raw":
            self.put(json.loads(" ".join(arguments)))
        elif command == "burst":
            for index in range(int(arguments[0])):
                self.put(f"D ({index}) burst: line {index}\n")
        elif command == "silent":
            return
        elif command == "reboot":
            self.put("half a li")
            self.boot_lines()
            return
        elif command == "exit":
            self.put("I (9) app: last words\n")
            print("the fake gateway was told to end", file=sys.stderr, flush=True)
            os._exit(int(arguments[0]))
        else:
            answer = {"id": number, "ok": False, "error": f"there is no command '{command}'"}
        self.put(json.dumps(answer) + "\n")


def main() -> None:
    """Parses the command line and serves for ever."""
    options = dict(word.split("=", 1) for word in sys.argv[1:] if "=" in word)
    print("options", sys.argv[1:], flush=True)
    if "--fail" in sys.argv:
        sys.exit("fake-gateway: the profile 'toaster' does not exist")
    if "--hang" in sys.argv:
        os.read(os.pipe()[0], 1)
    link = Path(options["--console"].removeprefix("pty:"))
    FakeGateway(Path(options["--data"]), link).run()


if __name__ == "__main__":
    main()
