/* Episode selection and mixing; see mixture.h. */
#include "data/mixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"

/* Streams of the selection draw lie far above those of the batches. */
#define SELECT_STREAM (1ull << 63)

static bool clips(const ppi_sampler_options *options, const char *env) {
    if (options->clip_rewards != PPI_AUTO) {
        return options->clip_rewards == PPI_ON;
    }
    return strncmp(env, "ale/", 4) == 0 || strncmp(env, "ALE/", 4) == 0 ||
           strncmp(env, "arcade/", 7) == 0;
}

pp_status ppi_mixture_game(ppi_mixture *m, const pp_dataset_info *info,
                           const ppi_sampler_options *options, ppi_mix_game **out) {
    for (int g = 0; g < m->game_count; g++) {
        if (strcmp(m->games[g].info.env, info->env) == 0) {
            *out = &m->games[g];
            return PP_OK;
        }
    }
    ppi_mix_game *grown = ppi_realloc(m->games, (size_t)(m->game_count + 1) * sizeof *grown);
    if (!grown) {
        return ppi_oom("the list of games");
    }
    m->games = grown;
    *out = &m->games[m->game_count++];
    memset(*out, 0, sizeof **out);
    snprintf((*out)->info.env, sizeof (*out)->info.env, "%s", info->env);
    (*out)->info.info = *info;
    (*out)->info.clip_rewards = clips(options, info->env);
    return PP_OK;
}

static pp_status add_episode(ppi_mix_game *game, int dataset, int64_t episode) {
    if (game->info.episodes == game->capacity) {
        int64_t capacity = game->capacity ? game->capacity * 2 : 64;
        ppi_mix_episode *grown = ppi_realloc(game->episodes, (size_t)capacity * sizeof *grown);
        if (!grown) {
            return ppi_oom("the list of episodes");
        }
        game->episodes = grown;
        game->capacity = capacity;
    }
    game->episodes[game->info.episodes++] =
        (ppi_mix_episode){.dataset = dataset, .episode = episode};
    return PP_OK;
}

int64_t ppi_share_count(double part, int64_t n) {
    int64_t k = (int64_t)ceil(part * (double)n - 1e-9);
    return k < 0 ? 0 : k > n ? n : k;
}

/* The first share of `count` episodes. */
static pp_status add_span(ppi_mix_game *game, int index, ppi_dataset *dataset,
                          const ppi_sampler_options *options, int64_t first, int64_t count) {
    int64_t end = first + ppi_share_count(options->first, count);
    for (int64_t e = first; e < end; e += options->every) {
        if (options->keep_cut || !ppi_dataset_episode(dataset, e)->info.cut) {
            PPI_TRY(add_episode(game, index, e));
        }
    }
    return PP_OK;
}

/* Every history gives its first share, a recording without histories that of all its episodes. */
static pp_status add_dataset(ppi_mixture *m, int index, ppi_dataset *dataset,
                             const ppi_sampler_options *options) {
    ppi_mix_game *game = NULL;
    PPI_TRY(ppi_mixture_game(m, ppi_dataset_info(dataset), options, &game));
    if (!ppi_dataset_has_histories(dataset)) {
        return add_span(game, index, dataset, options, 0, ppi_dataset_episode_count(dataset));
    }
    for (int64_t i = 0; i < ppi_dataset_group_count(dataset); i++) {
        const ppi_group *group = ppi_dataset_group(dataset, i);
        PPI_TRY(add_span(game, index, dataset, options, group->first_episode, group->episodes));
    }
    return PP_OK;
}

/* ---- shares ---- */

typedef struct ranked {
    double score;
    int64_t order;
} ranked;

static int compare_ranked(const void *a, const void *b) {
    const ranked *x = a;
    const ranked *y = b;
    if (x->score != y->score) {
        return x->score > y->score ? -1 : 1;
    }
    return (x->order > y->order) - (x->order < y->order);
}

static int compare_order(const void *a, const void *b) {
    const ranked *x = a;
    const ranked *y = b;
    return (x->order > y->order) - (x->order < y->order);
}

/* Keeps the `part` of the episodes with the highest scores, in file order. */
static void keep_best(ppi_mix_game *game, ranked *list, double part) {
    int64_t n = game->info.episodes;
    int64_t kept = ppi_share_count(part, n);
    qsort(list, (size_t)n, sizeof *list, compare_ranked);
    qsort(list, (size_t)kept, sizeof *list, compare_order);
    for (int64_t i = 0; i < kept; i++) {
        game->episodes[i] = game->episodes[list[i].order];
    }
    game->info.episodes = kept;
}

static pp_status select_shares(ppi_mix_game *game, int number, ppi_dataset *const *datasets,
                               const ppi_sampler_options *options) {
    ppi_rng rng;
    if (options->fraction >= 1 && options->top >= 1) {
        return PP_OK;
    }
    ranked *list = ppi_malloc((size_t)(game->info.episodes + 1) * sizeof *list);
    if (!list) {
        return ppi_oom("the list of episodes");
    }
    if (options->fraction < 1) {
        ppi_rng_init(&rng, options->seed, PPI_RNG_SAMPLER, SELECT_STREAM + (uint64_t)number);
        for (int64_t i = 0; i < game->info.episodes; i++) {
            list[i] = (ranked){ppi_rng_unit(&rng), i};
        }
        keep_best(game, list, options->fraction);
    }
    if (options->top < 1) {
        for (int64_t i = 0; i < game->info.episodes; i++) {
            const ppi_mix_episode *e = &game->episodes[i];
            list[i] = (ranked){
                ppi_dataset_episode(datasets[e->dataset], e->episode)->info.clipped_sum, i};
        }
        keep_best(game, list, options->top);
    }
    ppi_free(list);
    return PP_OK;
}

/* ---- windows and returns ---- */

static pp_status count_windows(ppi_mix_game *game, ppi_dataset *const *datasets, int64_t window) {
    ppi_sampler_game_info *info = &game->info;
    double sum = 0;
    for (int64_t i = 0; i < info->episodes; i++) {
        ppi_mix_episode *e = &game->episodes[i];
        const pp_episode_info *episode = &ppi_dataset_episode(datasets[e->dataset], e->episode)->info;
        int64_t windows = episode->steps + PPI_ZERO_ROWS - window + 1;
        e->windows_before = info->windows;
        info->windows += windows > 0 ? windows : 0;
        info->steps += episode->steps;
        sum += episode->reward_sum;
        if (i == 0 || episode->reward_sum > info->best_return) {
            info->best_return = episode->reward_sum;
        }
    }
    if (info->windows == 0) {
        return ppi_fail(PP_ERR_ARGUMENT, "%s: no episode is left to draw from (%lld selected, none "
                        "as long as a window of %lld; cut episodes are not used)", info->env,
                        (long long)info->episodes, (long long)window);
    }
    info->mean_return = sum / (double)info->episodes;
    return PP_OK;
}

static pp_status fill_returns(ppi_mixture *m, int index, const ppi_dataset *dataset, bool clip) {
    const float *rewards = ppi_dataset_rewards(dataset);
    int64_t steps = ppi_dataset_info(dataset)->steps;
    float *rtg = ppi_malloc((size_t)steps * sizeof *rtg);
    if (!rtg) {
        return ppi_oom("the returns-to-go");
    }
    m->rtg[index] = rtg;
    m->bytes += steps * (int64_t)sizeof *rtg;
    for (int64_t e = 0; e < ppi_dataset_episode_count(dataset); e++) {
        const ppi_episode *episode = ppi_dataset_episode(dataset, e);
        double sum = 0;
        for (int64_t t = episode->row + episode->info.steps - 1; t >= episode->row; t--) {
            double reward = rewards[t];
            sum += clip ? (reward > 1 ? 1 : reward < -1 ? -1 : reward) : reward;
            rtg[t] = (float)sum;
        }
    }
    return PP_OK;
}

pp_status ppi_mixture_build(ppi_mixture *m, ppi_dataset *const *datasets, int count,
                            const ppi_sampler_options *options) {
    memset(m, 0, sizeof *m);
    m->dataset_count = count;
    m->rtg = ppi_calloc((size_t)count, sizeof *m->rtg);
    if (!m->rtg) {
        return ppi_oom("the returns-to-go");
    }
    for (int i = 0; i < count; i++) {
        ppi_mix_game *game = NULL;
        PPI_TRY(add_dataset(m, i, datasets[i], options));
        PPI_TRY(ppi_mixture_game(m, ppi_dataset_info(datasets[i]), options, &game));
        PPI_TRY(fill_returns(m, i, datasets[i], game->info.clip_rewards));
    }
    for (int g = 0; g < m->game_count; g++) {
        PPI_TRY(select_shares(&m->games[g], g, datasets, options));
        PPI_TRY(count_windows(&m->games[g], datasets, options->window));
        m->bytes += m->games[g].capacity * (int64_t)sizeof(ppi_mix_episode);
    }
    return PP_OK;
}

void ppi_mixture_free(ppi_mixture *m) {
    for (int i = 0; m->rtg && i < m->dataset_count; i++) {
        ppi_free(m->rtg[i]);
    }
    for (int g = 0; g < m->game_count; g++) {
        ppi_free(m->games[g].episodes);
    }
    ppi_free(m->rtg);
    ppi_free(m->games);
    memset(m, 0, sizeof *m);
}

const ppi_mix_episode *ppi_mixture_window(const ppi_mix_game *game, int64_t window,
                                          int64_t *start) {
    int64_t low = 0;
    int64_t high = game->info.episodes;
    /* The last episode whose windows begin at or before this one; episodes without windows share
     * their beginning with the next and are passed over. */
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (game->episodes[middle].windows_before <= window) {
            low = middle;
        } else {
            high = middle;
        }
    }
    *start = window - game->episodes[low].windows_before - PPI_ZERO_ROWS;
    return &game->episodes[low];
}
