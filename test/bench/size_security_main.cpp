#include "security/device_credentials.hpp"

// What lib/security keeps in RAM: `vevgw size` reads it from the symbol table of this object.

extern "C" {
unsigned char size_of_credentials[sizeof(security::DeviceCredentials)];
}
