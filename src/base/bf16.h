/* bfloat16: the upper half of a binary32 number. */
#ifndef PPI_BASE_BF16_H
#define PPI_BASE_BF16_H

#include <stdint.h>
#include <string.h>

typedef uint16_t ppi_bf16;

/* Rounds to nearest, ties to even; a NaN stays a (quiet) NaN with its sign. */
static inline ppi_bf16 ppi_bf16_from_f32(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (ppi_bf16)((bits >> 16) | 0x0040u);
    return (ppi_bf16)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

/* Exact. */
static inline float ppi_bf16_to_f32(ppi_bf16 value) {
    uint32_t bits = (uint32_t)value << 16;
    float out;
    memcpy(&out, &bits, sizeof out);
    return out;
}

#endif
