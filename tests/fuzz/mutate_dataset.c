/* How libFuzzer changes inputs of fuzz_dataset.
 *
 * A journal: anywhere, and three times out of four the lengths and checksums of its records are put
 * right again, so that what is behind them is reached. An HDF5 file: in place and only in the heaps
 * of variable-length values, which data/h5vlen.c reads itself. The rest of such a file is decoded
 * by libhdf5, whose 1.10 reads out of bounds on damaged headers; fuzz_episodes tries what our
 * reader makes of files that libhdf5 accepts. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/hash.h"

#define RECORD_MAGIC 0x524a5050u /* data/records.c */
#define HEAP_BYTES   4096        /* of one heap, as libhdf5 makes them */
#define WINDOW       24          /* bytes changed at a time */

/* Words of a record's 40-byte head. */
enum { WORD_MAGIC, WORD_KIND, WORD_SIZE, WORD_COUNT, WORD_ENV, WORD_CRC, HEAD_BYTES = 40 };

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

static void repair_journal(uint8_t *at, size_t left) {
    while (left >= HEAD_BYTES) {
        uint32_t head[HEAD_BYTES / 4];
        memcpy(head, at, sizeof head);
        if (head[WORD_SIZE] > left - HEAD_BYTES) head[WORD_SIZE] = (uint32_t)(left - HEAD_BYTES);
        head[WORD_MAGIC] = RECORD_MAGIC;
        head[WORD_CRC] = 0;
        const uint32_t crc = ppi_crc32c(0, head, sizeof head);
        head[WORD_CRC] = head[WORD_SIZE] ? ppi_crc32c(crc, at + HEAD_BYTES, head[WORD_SIZE]) : crc;
        memcpy(at, head, sizeof head);
        at += HEAD_BYTES + head[WORD_SIZE];
        left -= HEAD_BYTES + head[WORD_SIZE];
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    if (size < 2) return LLVMFuzzerMutate(data, size, max_size);
    const uint8_t *heap = memmem(data, size, "GCOL", 4);
    if (data[0] % 2 == 1 || heap == NULL) {
        size = LLVMFuzzerMutate(data, size, max_size);
        if (size == 0) return 0;
        data[0] |= 1;
        if (seed % 4 != 0) repair_journal(data + 1, size - 1);
        return size;
    }
    const size_t begin = (size_t)(heap - data);
    const size_t bytes = size - begin < HEAP_BYTES ? size - begin : HEAP_BYTES;
    const size_t at = begin + seed % bytes;
    const size_t window = size - at < WINDOW ? size - at : WINDOW;
    (void)LLVMFuzzerMutate(data + at, window, window);
    return size;
}
