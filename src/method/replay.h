/* The replay: the latest transitions of every stream, frames stored once.
 *
 * A stream is a ring of rows in the order they were played. A row holds one observation, the action
 * chosen for it and what came of that; stacks of frames and n-step returns are put together when a
 * row is drawn. An episode that a limit cut is followed by a row that holds its last observation
 * alone, so that a window which ends there bootstraps from what was really seen. Observations of 0
 * and 1 take one bit each. */
#ifndef PPI_METHOD_REPLAY_H
#define PPI_METHOD_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <polyplay/status.h>

#include "base/options.h"
#include "base/rng.h"

/* replay.* */
typedef struct ppi_replay_options {
    int64_t capacity;  /* transitions, all streams summed */
    int64_t memory_mb; /* MiB the replay may take */
} ppi_replay_options;

/* Rows "replay.capacity" and "replay.memory" of an option table, for a struct with such a member.
 */
#define PPI_REPLAY_ROWS(owner, field, capacity_def)                                                \
    {.name = "replay.capacity",                                                                    \
     .type = PPI_OPT_I64,                                                                          \
     .offset = offsetof(owner, field) + offsetof(ppi_replay_options, capacity),                    \
     .def = capacity_def,                                                                          \
     .min = 1,                                                                                     \
     .max = 1e9,                                                                                   \
     .help = "Transitions kept, all streams summed."},                                             \
    {                                                                                              \
        .name = "replay.memory", .type = PPI_OPT_I64,                                              \
        .offset = offsetof(owner, field) + offsetof(ppi_replay_options, memory_mb), .def = "4096", \
        .min = 1, .max = 1e7, .help = "Memory the replay may take, MiB."                           \
    }

typedef struct ppi_replay_spec {
    ppi_replay_options o;
    int64_t streams;
    int64_t frame_bytes; /* of one observation */
    int64_t pixels;      /* elements of one channel group: h * w */
    bool binary;         /* every byte is 0 or 1: store bits */
    int stack;           /* frames the network sees, at least 1 */
    int n_step;          /* rewards summed before the bootstrap, at least 1 */
    double gamma;
} ppi_replay_spec;

/* Where a batch of drawn transitions goes. Frames are [B, h, w, c * stack], the oldest frame's
 * channels first, zero where the episode had not begun. */
typedef struct ppi_replay_batch {
    uint8_t *frames;
    uint8_t *next_frames; /* what the bootstrap value is of; zero where discount is 0 */
    int32_t *action;      /* [B] as appended */
    int32_t *stream;      /* [B] */
    float *ret;           /* [B] sum of gamma^k r_k over the window */
    float *discount;      /* [B] gamma^m of the bootstrap, 0 where the window ends in a terminal */
} ppi_replay_batch;

/* One row, as windows see it. */
typedef struct ppi_replay_row {
    int32_t action;
    float reward;
    bool start;      /* first observation of an episode */
    bool terminated; /* the episode ended here */
    bool truncated;  /* cut here: the next row is a last observation */
    bool last;       /* an observation without an action: where a cut episode stood */
} ppi_replay_row;

typedef struct ppi_replay ppi_replay;

/* PP_ERR_ARGUMENT when the capacity does not fit the memory bound or is too small for one window of
 * every stream; the text names both figures. */
pp_status ppi_replay_create(ppi_replay **out, const ppi_replay_spec *spec);
void ppi_replay_destroy(ppi_replay *r); /* NULL is allowed */

/* Appends what one step of a stream was: the observation the action was chosen for, the action, the
 * reward to learn from, and whether the episode ended; final_obs is read when truncated is set.
 * terminated wins over truncated. */
void ppi_replay_append(ppi_replay *r, int64_t stream, const uint8_t *obs, int32_t action,
                       float reward, bool terminated, bool truncated, const uint8_t *final_obs);

/* Rows of a stream are numbered from the first one ever appended; those from first to end - 1 are
 * there. */
int64_t ppi_replay_first(const ppi_replay *r, int64_t stream);
int64_t ppi_replay_end(const ppi_replay *r, int64_t stream);
/* Rows that are there, all streams summed. */
int64_t ppi_replay_size(const ppi_replay *r);
/* Rows a stream can hold: as many steps of the past fill it again. */
int64_t ppi_replay_rows(const ppi_replay *r);
/* A row that is there. */
ppi_replay_row ppi_replay_at(const ppi_replay *r, int64_t stream, int64_t row);
/* The stack of frames that ends at a row that is there, [h, w, c * stack]. Frames that were dropped
 * are zero. */
void ppi_replay_frames(const ppi_replay *r, int64_t stream, int64_t row, uint8_t *out);
/* The stack of frames for an observation that follows the latest row of the stream. */
void ppi_replay_stack(const ppi_replay *r, int64_t stream, const uint8_t *obs, uint8_t *out);

/* True when the row may be drawn: it has an action, its frames are all there, and its window has
 * ended or the observation behind it is there. */
bool ppi_replay_ready(const ppi_replay *r, int64_t stream, int64_t row);
/* Draws `count` rows uniformly among those that may be drawn. PP_ERR_ARGUMENT when none was found.
 */
pp_status ppi_replay_sample(const ppi_replay *r, ppi_rng *rng, int64_t count,
                            const ppi_replay_batch *out);
/* Puts one row that may be drawn into entry i of the batch. */
void ppi_replay_fetch(const ppi_replay *r, int64_t stream, int64_t row, int64_t i,
                      const ppi_replay_batch *out);

/* Rolling stacks of frames for players without a replay: pushes a frame into a stack [h, w,
 * c * stack], or begins one with it. */
void ppi_stack_push(uint8_t *stack, const uint8_t *frame, int64_t pixels, int64_t channels,
                    int count, bool begin);

#endif
