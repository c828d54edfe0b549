/* SHA-256, MD5 (ROM and game identities) and the two CRC-32 polynomials. */
#ifndef PPI_BASE_HASH_H
#define PPI_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include <polyplay/status.h>

enum { PPI_SHA256_HEX_SIZE = 65, PPI_MD5_HEX_SIZE = 33 }; /* lower-case hex with terminator */

typedef struct ppi_sha256 {
    uint32_t state[8];
    uint64_t bytes;    /* total length so far */
    uint8_t block[64]; /* unprocessed tail */
} ppi_sha256;

void ppi_sha256_init(ppi_sha256 *hash);
void ppi_sha256_update(ppi_sha256 *hash, const void *data, size_t size);
void ppi_sha256_final(ppi_sha256 *hash, char hex[PPI_SHA256_HEX_SIZE]);

/* Of a memory block; of a file's content. */
void ppi_sha256_hex(char hex[PPI_SHA256_HEX_SIZE], const void *data, size_t size);
pp_status ppi_sha256_file(char hex[PPI_SHA256_HEX_SIZE], const char *path);

void ppi_md5_hex(char hex[PPI_MD5_HEX_SIZE], const void *data, size_t size);
pp_status ppi_md5_file(char hex[PPI_MD5_HEX_SIZE], const char *path);

/* CRC-32 of zlib and PNG; CRC-32C (Castagnoli) of TFRecord. Start with crc = 0 and pass a result on
 * to continue. */
uint32_t ppi_crc32(uint32_t crc, const void *data, size_t size);
uint32_t ppi_crc32c(uint32_t crc, const void *data, size_t size);

/* The masked CRC-32C that TFRecord files store. */
uint32_t ppi_crc32c_masked(const void *data, size_t size);

#endif
