/* SHA-256 (FIPS 180-4), MD5 (RFC 1321) and table-driven CRC-32. Checks of identity, not of
 * security. */
#include "base/hash.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"

enum { BLOCK = 64 };

static const uint32_t sha_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static const uint32_t md5_k[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

static const uint8_t md5_shift[4][4] = {
    {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

static uint32_t rotate_right(uint32_t x, int n) {
    return x >> n | x << (32 - n);
}

static uint32_t load_be32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t load_le32(const uint8_t *p) {
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static void sha_block(uint32_t state[8], const uint8_t *block) {
    uint32_t w[64];
    for (int i = 0; i < 16; i++) w[i] = load_be32(block + 4 * i);
    for (int i = 16; i < 64; i++) {
        const uint32_t s0 =
            rotate_right(w[i - 15], 7) ^ rotate_right(w[i - 15], 18) ^ (w[i - 15] >> 3);
        const uint32_t s1 =
            rotate_right(w[i - 2], 17) ^ rotate_right(w[i - 2], 19) ^ (w[i - 2] >> 10);
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int i = 0; i < 64; i++) {
        const uint32_t s1 = rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25);
        const uint32_t choice = (e & f) ^ (~e & g);
        const uint32_t t1 = h + s1 + choice + sha_k[i] + w[i];
        const uint32_t s0 = rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22);
        const uint32_t majority = (a & b) ^ (a & c) ^ (b & c);
        h = g;
        g = f;
        f = e;
        e = d + t1;
        d = c;
        c = b;
        b = a;
        a = t1 + s0 + majority;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
}

void ppi_sha256_init(ppi_sha256 *hash) {
    *hash = (ppi_sha256){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
                                   0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void ppi_sha256_update(ppi_sha256 *hash, const void *data, size_t size) {
    const uint8_t *bytes = data;
    size_t fill = (size_t)(hash->bytes % BLOCK);
    hash->bytes += size;
    while (size > 0) {
        if (fill == 0 && size >= BLOCK) {
            sha_block(hash->state, bytes);
            bytes += BLOCK;
            size -= BLOCK;
            continue;
        }
        const size_t part = size < BLOCK - fill ? size : BLOCK - fill;
        memcpy(hash->block + fill, bytes, part);
        fill += part;
        bytes += part;
        size -= part;
        if (fill == BLOCK) {
            sha_block(hash->state, hash->block);
            fill = 0;
        }
    }
}

static void to_hex(char *hex, const uint8_t *bytes, int count) {
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < count; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    hex[2 * count] = '\0';
}

/* Writes the padding that ends a message of `bytes` bytes: 0x80, zeros, the length in bits. Returns
 * its size. */
static size_t make_padding(uint8_t out[2 * BLOCK], uint64_t bytes, int big_endian) {
    const size_t fill = (size_t)(bytes % BLOCK);
    const size_t size = (fill < BLOCK - 8 ? BLOCK : 2 * BLOCK) - fill;
    memset(out, 0, 2 * BLOCK);
    out[0] = 0x80;
    for (int i = 0; i < 8; i++) {
        const int shift = 8 * (big_endian ? 7 - i : i);
        out[size - 8 + (size_t)i] = (uint8_t)((bytes * 8) >> shift);
    }
    return size;
}

void ppi_sha256_final(ppi_sha256 *hash, char hex[PPI_SHA256_HEX_SIZE]) {
    uint8_t padding[2 * BLOCK];
    uint8_t digest[32];
    ppi_sha256_update(hash, padding, make_padding(padding, hash->bytes, 1));
    for (int i = 0; i < 32; i++) digest[i] = (uint8_t)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
    to_hex(hex, digest, 32);
}

void ppi_sha256_hex(char hex[PPI_SHA256_HEX_SIZE], const void *data, size_t size) {
    ppi_sha256 hash;
    ppi_sha256_init(&hash);
    ppi_sha256_update(&hash, data, size);
    ppi_sha256_final(&hash, hex);
}

pp_status ppi_sha256_file(char hex[PPI_SHA256_HEX_SIZE], const char *path) {
    ppi_map map;
    PPI_TRY(ppi_file_map(path, &map));
    ppi_sha256_hex(hex, map.data, map.size);
    ppi_file_unmap(&map);
    return PP_OK;
}

static void md5_block(uint32_t state[4], const uint8_t *block) {
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    for (int i = 0; i < 64; i++) {
        const int round = i / 16;
        uint32_t mixed;
        int word;
        if (round == 0) {
            mixed = (b & c) | (~b & d);
            word = i;
        } else if (round == 1) {
            mixed = (d & b) | (~d & c);
            word = (5 * i + 1) % 16;
        } else if (round == 2) {
            mixed = b ^ c ^ d;
            word = (3 * i + 5) % 16;
        } else {
            mixed = c ^ (b | ~d);
            word = 7 * i % 16;
        }
        const uint32_t sum = a + mixed + md5_k[i] + load_le32(block + 4 * word);
        a = d;
        d = c;
        c = b;
        b += rotate_right(sum, 32 - md5_shift[round][i % 4]);
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}

void ppi_md5_hex(char hex[PPI_MD5_HEX_SIZE], const void *data, size_t size) {
    uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    const uint8_t *bytes = data;
    const size_t tail = size % BLOCK;
    uint8_t last[3 * BLOCK];
    uint8_t digest[16];
    for (size_t at = 0; at < size - tail; at += BLOCK) md5_block(state, bytes + at);
    if (tail > 0) memcpy(last, bytes + size - tail, tail);
    const size_t end = tail + make_padding(last + tail, size, 0);
    for (size_t at = 0; at < end; at += BLOCK) md5_block(state, last + at);
    for (int i = 0; i < 16; i++) digest[i] = (uint8_t)(state[i / 4] >> (8 * (i % 4)));
    to_hex(hex, digest, 16);
}

pp_status ppi_md5_file(char hex[PPI_MD5_HEX_SIZE], const char *path) {
    ppi_map map;
    PPI_TRY(ppi_file_map(path, &map));
    ppi_md5_hex(hex, map.data, map.size);
    ppi_file_unmap(&map);
    return PP_OK;
}
