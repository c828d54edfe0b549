/* Which episodes a sampler draws from: games, selected episodes, their windows and returns. */
#ifndef PPI_DATA_MIXTURE_H
#define PPI_DATA_MIXTURE_H

#include <stdint.h>

#include "data/sampler.h"

/* A selected episode. */
typedef struct ppi_mix_episode {
    int32_t dataset;
    int64_t episode;
    int64_t windows_before; /* windows of the game's earlier episodes */
} ppi_mix_episode;

typedef struct ppi_mix_game {
    ppi_sampler_game_info info;
    ppi_mix_episode *episodes; /* [info.episodes] */
    int64_t capacity;
} ppi_mix_game;

typedef struct ppi_mixture {
    ppi_mix_game *games;
    int game_count;
    float **rtg; /* [datasets][steps] sum of rewards from each step to its episode's end */
    int dataset_count;
    int64_t bytes;
} ppi_mixture;

/* Groups the datasets by environment, applies the selection options and computes returns-to-go.
 * PP_ERR_ARGUMENT when a game is left without a window. Release with ppi_mixture_free, also after
 * a failure. */
pp_status ppi_mixture_build(ppi_mixture *mixture, ppi_dataset *const *datasets, int count,
                            const ppi_sampler_options *options);
void ppi_mixture_free(ppi_mixture *mixture);

/* Items of a share of n, at least one of any. */
int64_t ppi_share_count(double part, int64_t n);

/* The game of a dataset, begun when it is the first of its environment; valid until the next call.
 */
pp_status ppi_mixture_game(ppi_mixture *mixture, const pp_dataset_info *info,
                           const ppi_sampler_options *options, ppi_mix_game **out);

/* The episode that window `window` of a game lies in; *start = its first row, from -PPI_ZERO_ROWS. */
const ppi_mix_episode *ppi_mixture_window(const ppi_mix_game *game, int64_t window,
                                          int64_t *start);

#endif
