/* Draws windows of consecutive steps out of datasets that need not fit in memory.
 *
 * A window is T rows of one episode; PPI_ZERO_ROWS rows of zeros before the first step count as
 * rows of the episode. Games are drawn uniformly, then the windows of the game. Methods that learn
 * from learning get windows of whole learning histories instead, without zero rows
 * (history_windows.h). Batch k is a pure function of (seed, k), so resuming means asking for another
 * k; threads change nothing. */
#ifndef PPI_DATA_SAMPLER_H
#define PPI_DATA_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>

#include <polyplay/status.h>

#include "base/options.h"
#include "data/dataset.h"
#include "data/frame_view.h"

#define PPI_ZERO_ROWS 3

/* Order of the choices of data.clip-rewards and data.augment. */
enum { PPI_AUTO, PPI_ON, PPI_OFF };

typedef struct ppi_sampler_options {
    int64_t memory_mb; /* bound for columns, decoded frames and prefetched batches */
    int clip_rewards;  /* PPI_AUTO: on for ale and arcade games */
    int augment;       /* random shift by up to 4 pixels; PPI_AUTO: frames of 32 pixels and more */
    double first;      /* first share of the episodes of every dataset */
    double fraction;   /* share of whole episodes, drawn uniformly */
    double top;        /* best share of the episodes by clipped return */
    int64_t every;     /* every Nth episode */
    /* Of windows of whole histories alone. */
    int64_t tasks;     /* histories of the first so many tasks, 0 = of all */
    double min_return; /* least mean return of a history's last tenth of episodes */
    double converged;  /* this share of a history stays behind its convergence, 0 = all of it */
    double tail;       /* last share of the episodes of a history */
    int64_t workers;   /* threads that decode frames, 0 = one for each processor */
    /* Not options: set by the caller. */
    int64_t window;    /* T */
    uint64_t seed;
    ppi_frame_view view; /* zeros: frames as stored, all of one shape */
    bool keep_cut;     /* also draw from episodes that were cut; their returns are lower bounds */
    bool histories;    /* windows of whole learning histories, see history_windows.h */
    int64_t components; /* of cells: so many of each observation's first components, 0 = all */
} ppi_sampler_options;

extern const ppi_option_table ppi_sampler_option_table; /* data.* */
/* Defaults, window 4, seed 0. */
void ppi_sampler_options_default(ppi_sampler_options *options);

/* One batch; the arrays belong to the caller and any may be NULL. */
typedef struct ppi_batch {
    int64_t B, T, H, W, C;
    uint8_t *obs;        /* [B,T,H,W,C] frame seen before the action */
    int32_t *action;     /* [B,T] */
    float *reward;       /* [B,T] raw or clipped */
    float *rtg;          /* [B,T] sum of the rewards from this step to the end of the episode */
    uint8_t *terminated; /* [B,T] */
    uint8_t *truncated;  /* [B,T] */
    int32_t *timestep;   /* [B,T] step in the episode, 0 for zero rows */
    int32_t *game;       /* [B,T] index of the game */
    uint8_t *pad;        /* [B,T] 1 on the zero rows before an episode (they count in losses) */
} ppi_batch;

typedef struct ppi_sampler ppi_sampler;

/* One game of the mixture. Several datasets of one environment form one game. */
typedef struct ppi_sampler_game_info {
    char env[128];
    int64_t episodes; /* used */
    int64_t steps;
    int64_t windows;
    double mean_return;  /* raw, over the used episodes */
    double best_return;  /* raw */
    bool clip_rewards;
    pp_dataset_info info; /* of its first dataset */
    /* With windows of histories. */
    int64_t histories;    /* used */
    int64_t tasks;        /* of these */
    int64_t short_histories; /* left out: shorter than a window */
    int64_t poor_histories;  /* left out: below data.min-return */
} ppi_sampler_game_info;

/* The datasets stay the caller's and must outlive the sampler. */
pp_status ppi_sampler_create(ppi_sampler **out, ppi_dataset *const *datasets, int count,
                             const ppi_sampler_options *options);
void ppi_sampler_destroy(ppi_sampler *sampler);

int ppi_sampler_game_count(const ppi_sampler *sampler);
const ppi_sampler_game_info *ppi_sampler_game(const ppi_sampler *sampler, int game);
/* Tasks of the histories that are drawn from, each once; NULL and 0 without histories. Owned by the
 * sampler. */
const int64_t *ppi_sampler_tasks(const ppi_sampler *sampler, int game, int64_t *count);
/* Windows of all games. */
int64_t ppi_sampler_windows(const ppi_sampler *sampler);
/* Bytes in use now: columns, cached frames, prefetch buffers. Never more than the bound. */
int64_t ppi_sampler_memory(ppi_sampler *sampler);

/* Fills batch `step`. out->B and T are inputs (T = the window of the options); H, W, C are
 * checked when obs is given. */
pp_status ppi_sampler_next(ppi_sampler *sampler, int64_t step, ppi_batch *out);
/* Starts a thread that prepares the batch after the one asked for last. Optional; the batches are
 * the same. B is the batch size that will be asked for. */
pp_status ppi_sampler_prefetch(ppi_sampler *sampler, int64_t B);

/* Shifts H x W x C frames by (dy, dx) with edge pixels repeated: out[y,x] = in[y+dy, x+dx]. */
void ppi_shift_frame(uint8_t *out, const uint8_t *in, int64_t H, int64_t W, int64_t C, int dy,
                     int dx);

#endif
