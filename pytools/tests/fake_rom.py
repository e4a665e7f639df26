"""The loader in the ROM of an ESP32, and the stub that esptool puts in its place.

Enough of the serial protocol for esptool to find the chip and write its flash: frames in SLIP, a
reply to each command. The flash is a bytearray.
"""

from __future__ import annotations

import hashlib
import os
import select
import struct
import threading
import tty
import zlib
from types import TracebackType
from typing import Any, Self

FLASH_BYTES = 4 * 1024 * 1024
_END, _ESCAPE = b"\xc0", b"\xdb"
_FLASH_BEGIN, _FLASH_DATA, _FLASH_END = 0x02, 0x03, 0x04
_MEM_END, _SYNC, _WRITE_REG, _READ_REG = 0x06, 0x08, 0x09, 0x0A
_DEFLATE_BEGIN, _DEFLATE_DATA, _MD5, _ERASE_FLASH = 0x10, 0x11, 0x13, 0xD0
_CHIP_MAGIC_REGISTER = 0x40001000
_SPI_COMMAND, _SPI_W0 = 0x3FF42000, 0x3FF42080
# As on a board with a WROOM-32: magic number, MAC, clock divider of the UART (40 MHz at 115200).
_REGISTERS = {
    _CHIP_MAGIC_REGISTER: 0x00F01D83,
    0x3FF5A004: 0x2233AABB,
    0x3FF5A008: 0x00002462,
    0x3FF40014: 347,
}
_FLASH_ID = 0x001640EF  # 4 MiB


class FakeRom:
    """The chip. `feed` takes bytes of the host and returns bytes for it.

    Args:
        chip_magic: Another value is another chip.
        wrong_md5: Its flash does not hold what was written.
        dies_at: It is silent from this block of data on.
    """

    def __init__(
        self,
        *,
        chip_magic: int = 0x00F01D83,
        wrong_md5: bool = False,
        dies_at: int | None = None,
    ) -> None:
        self.flash = bytearray(b"\xff" * FLASH_BYTES)
        self.ran_stub = False
        self._registers = dict(_REGISTERS)
        self._registers[_CHIP_MAGIC_REGISTER] = chip_magic
        self._wrong_md5 = wrong_md5
        self._blocks_left = dies_at
        self._input = b""
        self._offset = self._end = 0
        self._inflate: Any = None

    def feed(self, data: bytes) -> bytes:
        self._input += data
        *frames, self._input = self._input.split(_END)
        return b"".join(self._answer(frame) for frame in frames if frame)

    def _answer(self, frame: bytes) -> bytes:
        frame = frame.replace(b"\xdb\xdc", _END).replace(b"\xdb\xdd", _ESCAPE)
        if len(frame) < 8 or frame[0] != 0:
            return b""
        _, operation, size, _checksum = struct.unpack_from("<BBHI", frame)
        body = frame[8 : 8 + size]
        if operation in (_FLASH_DATA, _DEFLATE_DATA) and self._blocks_left is not None:
            self._blocks_left -= 1
        if self._blocks_left is not None and self._blocks_left < 0:
            return b""
        value, data = self._execute(operation, body)
        status = bytes(2 if self.ran_stub else 4)
        head = struct.pack("<BBHI", 1, operation, len(data) + len(status), value)
        reply = self._slip(head + data + status)
        if operation == _SYNC:
            return reply * 8
        if operation == _MEM_END and struct.unpack_from("<II", body)[1] != 0:
            self.ran_stub = True
            return reply + self._slip(b"OHAI")
        return reply

    @staticmethod
    def _slip(content: bytes) -> bytes:
        return _END + content.replace(_ESCAPE, b"\xdb\xdd").replace(_END, b"\xdb\xdc") + _END

    def _execute(self, operation: int, body: bytes) -> tuple[int, bytes]:
        if operation == _READ_REG:
            (address,) = struct.unpack_from("<I", body)
            return (0 if address == _SPI_COMMAND else self._registers.get(address, 0)), b""
        if operation == _WRITE_REG:
            address, value = struct.unpack_from("<II", body)
            # A command to the flash chip: the only answer asked for is its id.
            self._registers[_SPI_W0 if address == _SPI_COMMAND else address] = (
                _FLASH_ID if address == _SPI_COMMAND else value
            )
        elif operation in (_FLASH_BEGIN, _DEFLATE_BEGIN):
            erase, _blocks, _block_size, self._offset = struct.unpack_from("<IIII", body)
            self._end = self._offset + erase
            self._inflate = zlib.decompressobj() if operation == _DEFLATE_BEGIN else None
            if not self.ran_stub:  # which erases sector by sector, as the data comes
                self.flash[self._offset : self._offset + erase] = b"\xff" * erase
        elif operation in (_FLASH_DATA, _DEFLATE_DATA):
            (size,) = struct.unpack_from("<I", body)
            block = body[16 : 16 + size]
            if self._inflate is not None:
                block = self._inflate.decompress(block)
            block = block[: self._end - self._offset]  # the last one is padded
            self.flash[self._offset : self._offset + len(block)] = block
            self._offset += len(block)
        elif operation == _MD5:
            address, size = struct.unpack_from("<II", body)
            digest = hashlib.md5(self.flash[address : address + size] + b"?" * self._wrong_md5)
            return 0, digest.digest() if self.ran_stub else digest.hexdigest().encode()
        elif operation == _ERASE_FLASH:
            self.flash[:] = b"\xff" * FLASH_BYTES
        elif operation == _SYNC and not self.ran_stub:
            return 0x20120707, b""  # by a value other than 0 the ROM differs from a stub
        return 0, b""


class FakeBoard:
    """A pseudo-terminal with the chip behind it; silent when `rom` is None."""

    def __init__(self, rom: FakeRom | None) -> None:
        self._rom = rom
        self._chip, self._host = os.openpty()
        tty.setraw(self._host)
        self.port = os.ttyname(self._host)
        self._stop, self._stopping = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.write(self._stopping, b".")
        self._thread.join(5)
        for fd in (self._chip, self._host, self._stop, self._stopping):
            os.close(fd)

    def _serve(self) -> None:
        while True:
            ready, _, _ = select.select([self._chip, self._stop], [], [])
            if self._stop in ready:
                return
            data = os.read(self._chip, 65536)
            reply = b"" if self._rom is None else self._rom.feed(data)
            while reply:
                reply = reply[os.write(self._chip, reply) :]
