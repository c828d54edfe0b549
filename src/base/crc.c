/* CRC-32 and CRC-32C over tables of 16 entries, one half byte at a time.
 *
 * The tables are small enough to be constants, so there is no start-up work and no shared state. */
#include "base/hash.h"

/* Remainders of the half bytes for the reflected polynomials edb88320 and 82f63b78. */
static const uint32_t table_crc32[16] = {
    0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
};

static const uint32_t table_crc32c[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

static uint32_t update(const uint32_t table[16], uint32_t crc, const void *data, size_t size) {
    const uint8_t *bytes = data;
    uint32_t state = ~crc;
    for (size_t i = 0; i < size; i++) {
        state ^= bytes[i];
        state = state >> 4 ^ table[state & 15];
        state = state >> 4 ^ table[state & 15];
    }
    return ~state;
}

uint32_t ppi_crc32(uint32_t crc, const void *data, size_t size) {
    return update(table_crc32, crc, data, size);
}

uint32_t ppi_crc32c(uint32_t crc, const void *data, size_t size) {
    return update(table_crc32c, crc, data, size);
}

uint32_t ppi_crc32c_masked(const void *data, size_t size) {
    const uint32_t crc = ppi_crc32c(0, data, size);
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}
