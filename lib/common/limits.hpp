#pragma once

#include <cstddef>
#include <cstdint>

/// Every capacity of the firmware in one place: range, default, RAM cost per unit. Change with a
/// build flag (-D GATEWAY_MAX_CONNECTORS=2); values outside the range fail the build.
namespace limits {

#ifndef GATEWAY_MAX_CONNECTORS
#define GATEWAY_MAX_CONNECTORS 8
#endif
/// Connectors per gateway, 1..8. About 1.5 KiB of engine RAM each.
constexpr size_t kMaxConnectors = GATEWAY_MAX_CONNECTORS;
static_assert(kMaxConnectors >= 1 && kMaxConnectors <= 8, "GATEWAY_MAX_CONNECTORS: 1..8");

#ifndef GATEWAY_MAX_FRAME_BYTES
#define GATEWAY_MAX_FRAME_BYTES 6144
#endif
/// Longest OCPP-J frame accepted, bytes, 2048..65535: a certificate of 5,500 characters. One such buffer; longer frames are refused
/// with a CALLERROR.
constexpr size_t kMaxFrameBytes = GATEWAY_MAX_FRAME_BYTES;
static_assert(kMaxFrameBytes >= 2048 && kMaxFrameBytes <= 65535,
              "GATEWAY_MAX_FRAME_BYTES: 2048..65535");

#ifndef GATEWAY_MAX_BUSES
#define GATEWAY_MAX_BUSES 2
#endif
/// Serial buses (RS-485) per gateway, 1..4. 540 bytes of RAM each.
constexpr size_t kMaxSerialBuses = GATEWAY_MAX_BUSES;
static_assert(kMaxSerialBuses >= 1 && kMaxSerialBuses <= 4, "GATEWAY_MAX_BUSES: 1..4");

#ifndef GATEWAY_MAX_TCP_BUSES
#define GATEWAY_MAX_TCP_BUSES 8
#endif
/// TCP servers per gateway (chargers, converters), 1..16: one connection each, several units may be
/// behind it. 540 bytes of RAM each, 290 more on the board, and a socket.
constexpr size_t kMaxTcpBuses = GATEWAY_MAX_TCP_BUSES;
static_assert(kMaxTcpBuses >= 1 && kMaxTcpBuses <= 16, "GATEWAY_MAX_TCP_BUSES: 1..16");

constexpr size_t kMaxBuses = kMaxSerialBuses + kMaxTcpBuses;

#ifndef GATEWAY_LOG_HISTORY_BYTES
#define GATEWAY_LOG_HISTORY_BYTES 8192
#endif
/// Log lines kept for diagnostics, bytes, 512..65536.
constexpr size_t kLogHistoryBytes = GATEWAY_LOG_HISTORY_BYTES;
static_assert(kLogHistoryBytes >= 512 && kLogHistoryBytes <= 65536,
              "GATEWAY_LOG_HISTORY_BYTES: 512..65536");

/// Units on all buses: a charger and a meter for each connector. 150 bytes each.
constexpr size_t kMaxUnits = 2 * kMaxConnectors;

/// Meters beside the chargers, per gateway. About 450 bytes each.
constexpr size_t kMaxMeters = kMaxConnectors;

#ifndef GATEWAY_PROFILE_ARENA_BYTES
#define GATEWAY_PROFILE_ARENA_BYTES 8192
#endif
/// Room for profiles that are loaded from files, bytes, 2048..65536. A charger takes 3 to 6 KiB.
constexpr size_t kProfileArenaBytes = GATEWAY_PROFILE_ARENA_BYTES;
static_assert(kProfileArenaBytes >= 2048 && kProfileArenaBytes <= 65536,
              "GATEWAY_PROFILE_ARENA_BYTES: 2048..65536");

/// Registers of one profile, at most 64 (bit sets of the driver).
constexpr size_t kMaxProfileRegisters = 64;
/// Values of one profile that its conditions look at. 4 bytes per connector each.
constexpr size_t kMaxWatchedValues = 16;
/// Registers of one text in a profile: 2 bytes of stack each while it is decoded.
constexpr size_t kMaxTextRegisters = 64;

/// idTag: CiString20 (OCPP 1.6 ed. 2, 7.28).
constexpr size_t kIdTagBytes = 20;

/// Engine (lib/ocpp), per charge point unless stated otherwise.

#ifndef GATEWAY_OUTBOX_BYTES
#define GATEWAY_OUTBOX_BYTES 6144
#endif
/// Answers waiting for the link, and our own CALL, bytes, 5120..65535. The longest frame is the
/// answer to GetConfiguration without keys: below 5 KiB.
constexpr size_t kOutboxBytes = GATEWAY_OUTBOX_BYTES;
static_assert(kOutboxBytes >= 5120 && kOutboxBytes <= 65535, "GATEWAY_OUTBOX_BYTES: 5120..65535");
/// Frames in the outbox. 2 bytes each.
constexpr size_t kMaxOutboxFrames = 8;
/// A frame is taken from the link only while this much of the outbox is free, bytes: the longest
/// answer always fits.
constexpr size_t kAnswerReserveBytes = 5120;
/// Events waiting for the application. 48 bytes each.
constexpr size_t kMaxEvents = 16;
/// Status changes waiting to be sent. 24 bytes each.
constexpr size_t kMaxStatusReports = 12;
/// Entries of one measurand list (MeterValuesSampledData, ...), 1..16. 1 byte each.
constexpr size_t kMaxMeasurands = 12;

/// Readings between begin and end that are kept for StopTransaction, a power of two. On flash only.
constexpr uint32_t kMaxStopReadings = 32;

#ifndef GATEWAY_MAX_CHARGING_PROFILES
#define GATEWAY_MAX_CHARGING_PROFILES 10
#endif
/// Charging profiles installed at the same time, 3..32. About 250 bytes each.
constexpr size_t kMaxChargingProfiles = GATEWAY_MAX_CHARGING_PROFILES;
static_assert(kMaxChargingProfiles >= 3 && kMaxChargingProfiles <= 32,
              "GATEWAY_MAX_CHARGING_PROFILES: 3..32");
/// Periods of one charging schedule. 8 bytes each, in every profile.
constexpr size_t kMaxSchedulePeriods = 24;
/// Highest stack level; also the number of levels per purpose, less one.
constexpr int kMaxStackLevel = 8;
/// DataTransfer of ours, ids included, and its answer, bytes; also the longest answer of the application.
constexpr size_t kDataTransferBytes = 256;
/// Vendor messages of the CSMS that the application can take. 16 bytes each.
constexpr size_t kMaxDataTransferHandlers = 4;
/// URL of a firmware image or for diagnostics, file name included, bytes, at most 1024 (one setting). On the
/// stack while it is used.
constexpr size_t kMaxLocationBytes = 700;

#ifndef GATEWAY_LOCAL_LIST_ENTRIES
#define GATEWAY_LOCAL_LIST_ENTRIES 500
#endif
/// Id tags of the local authorization list, 50..10000. 56 bytes of flash each, twice that during an
/// update; no RAM.
constexpr size_t kLocalListEntries = GATEWAY_LOCAL_LIST_ENTRIES;
static_assert(kLocalListEntries >= 50 && kLocalListEntries <= 10000,
              "GATEWAY_LOCAL_LIST_ENTRIES: 50..10000");
/// Id tags in one SendLocalList, at most 255. 57 bytes each of the outbox while it is handled.
constexpr size_t kMaxLocalListUpdate = 64;
/// Id tags of the authorization cache. 56 bytes of flash each, twice that during a write; no RAM.
constexpr size_t kAuthorizationCacheEntries = 100;
#ifndef GATEWAY_MAX_CERTIFICATES
#define GATEWAY_MAX_CERTIFICATES 8
#endif
/// Root certificates installed at the same time (CertificateStoreMaxLength), 2..20. 40 bytes of RAM and a block of
/// flash each.
constexpr size_t kMaxCertificates = GATEWAY_MAX_CERTIFICATES;
static_assert(kMaxCertificates >= 2 && kMaxCertificates <= 20, "GATEWAY_MAX_CERTIFICATES: 2..20");

/// Keys in one GetConfiguration request.
constexpr size_t kMaxRequestedKeys = 50;

}  // namespace limits
