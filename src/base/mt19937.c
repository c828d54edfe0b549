/* MT19937 (Matsumoto and Nishimura 1998) with numpy's legacy derived draws. */
#include "base/mt19937.h"

enum { WORDS = 624, MIDDLE = 397 };

void ppi_mt19937_seed(ppi_mt19937 *mt, uint32_t seed) {
    mt->word[0] = seed;
    for (uint32_t i = 1; i < WORDS; i++) {
        const uint32_t w = mt->word[i - 1];
        mt->word[i] = 1812433253u * (w ^ (w >> 30)) + i;
    }
    mt->next = WORDS;
}

/* Next state word from the upper bit of `a`, the lower 31 bits of `b` and the word MIDDLE places
 * on. */
static uint32_t twist(uint32_t a, uint32_t b, uint32_t middle) {
    const uint32_t mixed = (a & 0x80000000u) | (b & 0x7fffffffu);
    return middle ^ (mixed >> 1) ^ ((mixed & 1u) != 0 ? 0x9908b0dfu : 0u);
}

static void refill(ppi_mt19937 *mt) {
    uint32_t *w = mt->word;
    for (int i = 0; i < WORDS - MIDDLE; i++) w[i] = twist(w[i], w[i + 1], w[i + MIDDLE]);
    for (int i = WORDS - MIDDLE; i < WORDS - 1; i++)
        w[i] = twist(w[i], w[i + 1], w[i + MIDDLE - WORDS]);
    w[WORDS - 1] = twist(w[WORDS - 1], w[0], w[MIDDLE - 1]);
    mt->next = 0;
}

uint32_t ppi_mt19937_u32(ppi_mt19937 *mt) {
    if (mt->next >= WORDS) refill(mt);
    uint32_t y = mt->word[mt->next++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

double ppi_mt19937_unit(ppi_mt19937 *mt) {
    const uint32_t a = ppi_mt19937_u32(mt) >> 5;
    const uint32_t b = ppi_mt19937_u32(mt) >> 6;
    return (a * 67108864.0 + b) / 9007199254740992.0;
}

uint32_t ppi_mt19937_below(ppi_mt19937 *mt, uint32_t n) {
    if (n <= 1) return 0;
    uint32_t mask = n - 1;
    for (unsigned shift = 1; shift < 32; shift *= 2) mask |= mask >> shift;
    uint32_t value;
    do {
        value = ppi_mt19937_u32(mt) & mask;
    } while (value > n - 1);
    return value;
}
