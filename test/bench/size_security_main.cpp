#include "ocpp/security/security_extension.hpp"
#include "security/device_credentials.hpp"

// What lib/security and the security extension keep in RAM: `vevgw size` reads it from the symbol table of this object.

extern "C" {
unsigned char size_of_credentials[sizeof(security::DeviceCredentials)];
unsigned char size_of_extension[sizeof(ocpp::SecurityExtension)];
}
