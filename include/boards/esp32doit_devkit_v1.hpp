#pragma once

#include <cstdint>

/// Pins of the DOIT DevKitC (ESP32-WROOM-32D) as the gateway uses them. GPIO6..11 are the flash, 0, 2, 5, 12 and 15 are
/// strapping pins, 34..39 are inputs only.
namespace board {

constexpr int8_t kConsoleTx = 1;  // UART0, the USB bridge
constexpr int8_t kConsoleRx = 3;

constexpr int8_t kRs485Tx = 17;        // UART2: DI of the RS-485 transceiver
constexpr int8_t kRs485Rx = 16;        // RO
constexpr int8_t kRs485Direction = 4;  // DE and /RE together

constexpr int8_t kReaderRx =
    26;  // UART1: output of the tag reader (5 V ones through a level shifter), Wiegand D0
constexpr int8_t kReaderTx = 13;  // input of a PN532, Wiegand D1

/// A gateway without tag reader has a second RS-485 bus on the reader's pins; this is its direction pin.
constexpr int8_t kSecondRs485Direction = 23;

constexpr int8_t kStatusLed = 2;  // on the board
constexpr int8_t kButton = 0;     // BOOT, on the board

/// Pins that a charger on the board's own pins must not use, one bit each.
constexpr uint64_t kReservedPins = 1ULL << kConsoleTx | 1ULL << kConsoleRx | 1ULL << kRs485Tx |
                                   1ULL << kRs485Rx | 1ULL << kRs485Direction | 1ULL << kReaderRx |
                                   1ULL << kReaderTx | 1ULL << kSecondRs485Direction |
                                   1ULL << kStatusLed | 1ULL << kButton;

}  // namespace board
