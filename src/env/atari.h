/* The Atari rules of the agent's step around a raw emulator that plays one frame at a time:
 * frame skip with early stop, maximum of the last two frames, 84x84 area resize, caps, starts. */
#ifndef PPI_ENV_ATARI_H
#define PPI_ENV_ATARI_H

#include <stdint.h>

#include <polyplay/env.h>
#include <polyplay/status.h>

#define PPI_ATARI_SIDE 84

/* PPI_ATARI_SIDE rounded up to whole vectors of eight. */
#define PPI_AREA_LANES 88
/* Samples of one output that fit into a 32-bit word. */
#define PPI_AREA_TAPS 4

/* Weights of an area resize from `in` samples to PPI_ATARI_SIDE samples. Output o is the sum over
 * j < count[o] of weight[o][j] * input[first[o] + j]. The fields below `weight` say the same by
 * vectors, for axes of which no output needs more than PPI_AREA_TAPS samples: the word at
 * input[word[o]], shifted right by shift[o] bits, begins with the samples of output o. */
typedef struct ppi_area_axis {
    int32_t in;
    int32_t first[PPI_ATARI_SIDE];
    int32_t count[PPI_ATARI_SIDE];
    float weight[PPI_ATARI_SIDE][8];
    int32_t taps; /* largest count */
    int32_t word[PPI_AREA_LANES];
    int32_t shift[PPI_AREA_LANES];
    float tap[PPI_AREA_TAPS][PPI_AREA_LANES]; /* tap[j][o] = weight[o][j], 0 beyond count[o] */
} ppi_area_axis;

/* Fills the weights of one axis; in must be 84..504. */
void ppi_area_axis_init(ppi_area_axis *axis, int32_t in);
/* Resizes grey u8 [rows->in, cols->in] to u8 [84, 84]; scratch f32 [rows->in, 84]. */
void ppi_area_resize(uint8_t *out, const uint8_t *in, const ppi_area_axis *rows,
                     const ppi_area_axis *cols, float *scratch);
/* The same in plain C, bit for bit: what ppi_area_resize is held against, and what it runs where
 * the processor or the axis does not suit its vectors. */
void ppi_area_resize_plain(uint8_t *out, const uint8_t *in, const ppi_area_axis *rows,
                           const ppi_area_axis *cols, float *scratch);

/* The table of wrapped games. config->id is "ale/<rom>"; the raw table is the plugin's. */
pp_status ppi_atari_create(void **out, const pp_env_vtable *raw, const pp_env_config *config,
                           const char *rom_md5);
/* Functions of what ppi_atari_create makes (its create is unset). */
extern const pp_env_vtable ppi_atari_vtable;

#endif
