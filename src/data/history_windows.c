/* Windows of whole learning histories; see history_windows.h. */
#include "data/history_windows.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "data/history_select.h"

/* What is used of a history. */
typedef struct history {
    int32_t dataset;
    int64_t group; /* its index, for ppi_dataset_group */
    int64_t first_segment;
    int64_t segments;
    int64_t steps; /* rows, at least a window */
    int64_t obs;   /* its first row in the observations in memory */
} history;

typedef struct history_game {
    history *item; /* [count] */
    int64_t count, capacity;
    int64_t *tasks; /* [task_count] */
    int64_t task_count, task_capacity;
    int64_t longest; /* steps of the longest history that options left */
    int32_t longest_dataset;
    int64_t longest_group;
    double best_final; /* of the histories of its tasks, -infinity = none */
} history_game;

struct ppi_history_windows {
    ppi_dataset *const *datasets;
    int dataset_count;
    uint64_t seed;
    int64_t window;
    history_game *games; /* [game_count] */
    int game_count;
    ppi_mixture *mixture;
    ppi_history_segments segments; /* of all histories, one after the other */
    int64_t channels;
    int64_t obs_bytes; /* of one observation in a batch */
    uint8_t *obs;      /* [rows used, obs_bytes], NULL = by the loader */
    int64_t obs_size;
};

/* ---- what the datasets are ---- */

static pp_status check_histories(const ppi_dataset *d) {
    if (ppi_dataset_has_histories(d)) {
        return PP_OK;
    }
    return ppi_fail(PP_ERR_ARGUMENT,
                    "%s holds recorded episodes, not learning histories: a method that learns from "
                    "learning needs what polyplay collect --learner stores",
                    ppi_dataset_folder(d));
}

static pp_status differ(const ppi_dataset *a, const ppi_dataset *b, const char *what) {
    return ppi_fail(PP_ERR_SHAPE,
                    "%s and %s have histories of different spaces (%s): one network "
                    "cannot learn from both",
                    ppi_dataset_folder(a), ppi_dataset_folder(b), what);
}

static pp_status same_spaces(const ppi_dataset *a, const ppi_dataset *b) {
    const ppi_store_meta *x = ppi_dataset_meta(a);
    const ppi_store_meta *y = ppi_dataset_meta(b);
    char what[128];
    if (strcmp(x->view, y->view) != 0 || x->obs_type != y->obs_type) {
        snprintf(what, sizeof what, "views %s and %s", x->view, y->view);
        return differ(a, b, what);
    }
    if (x->height != y->height || x->width != y->width || x->channels != y->channels) {
        snprintf(what, sizeof what, "observations of %dx%dx%d and %dx%dx%d", x->height, x->width,
                 x->channels, y->height, y->width, y->channels);
        return differ(a, b, what);
    }
    if (memcmp(x->cell_high, y->cell_high, sizeof x->cell_high) != 0) {
        return differ(a, b, "cells of different size");
    }
    if (x->actions != y->actions || x->min_actions != y->min_actions ||
        memcmp(x->action_list, y->action_list, sizeof x->action_list) != 0) {
        snprintf(what, sizeof what, "%d and %d actions", x->min_actions, y->min_actions);
        return differ(a, b, what);
    }
    return PP_OK;
}

pp_status ppi_history_windows_check(ppi_dataset *const *datasets, int count) {
    for (int i = 0; i < count; i++) {
        PPI_TRY(check_histories(datasets[i]));
        PPI_TRY(same_spaces(datasets[0], datasets[i]));
    }
    return PP_OK;
}

static pp_status check_options(const ppi_sampler_options *options) {
    if (options->fraction < 1 || options->top < 1) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "data.%s draws single episodes, a learning history is used in its order: "
                        "take data.first, data.tail, data.converged or data.every, or data.tasks "
                        "and data.min-return for whole histories",
                        options->top < 1 ? "top" : "fraction");
    }
    if (options->augment == PPI_ON) {
        return ppi_fail(PP_ERR_ARGUMENT, "data.augment shifts the frames of single episodes; "
                                         "windows of learning histories are taken as they are");
    }
    return PP_OK;
}

static pp_status check_components(const ppi_history_windows *w, int64_t components) {
    const ppi_store_meta *meta = ppi_dataset_meta(w->datasets[0]);
    if (components == 0 || (meta->obs_type == PP_OBS_CELLS && components <= meta->channels)) {
        return PP_OK;
    }
    return ppi_fail(PP_ERR_ARGUMENT, "%lld components of an observation asked, %s has %d%s",
                    (long long)components, ppi_dataset_folder(w->datasets[0]), meta->channels,
                    meta->obs_type == PP_OBS_CELLS ? "" : " channels of a picture");
}

/* ---- choosing histories ---- */

static pp_status add_task(history_game *game, int64_t task) {
    if (game->task_count == game->task_capacity) {
        const int64_t capacity = game->task_capacity ? game->task_capacity * 2 : 64;
        int64_t *grown = ppi_realloc(game->tasks, (size_t)capacity * sizeof *grown);
        if (!grown) {
            return ppi_oom("the tasks of learning histories");
        }
        game->tasks = grown;
        game->task_capacity = capacity;
    }
    game->tasks[game->task_count++] = task;
    return PP_OK;
}

static bool has_task(const history_game *game, int64_t task) {
    for (int64_t i = 0; i < game->task_count; i++) {
        if (game->tasks[i] == task) {
            return true;
        }
    }
    return false;
}

/* Books the task of the next history; *taken = its histories are used. */
static pp_status choose_task(history_game *game, int64_t task, int64_t limit, bool *taken) {
    *taken = has_task(game, task);
    if (*taken || (limit > 0 && game->task_count == limit)) {
        return PP_OK;
    }
    *taken = true;
    return add_task(game, task);
}

static pp_status add_history(history_game *game, const history *h) {
    if (game->count == game->capacity) {
        const int64_t capacity = game->capacity ? game->capacity * 2 : 64;
        history *grown = ppi_realloc(game->item, (size_t)capacity * sizeof *grown);
        if (!grown) {
            return ppi_oom("the list of learning histories");
        }
        game->item = grown;
        game->capacity = capacity;
    }
    game->item[game->count++] = *h;
    return PP_OK;
}

static void count_history(ppi_sampler_game_info *info, const ppi_history_taken *taken,
                          int64_t windows) {
    if (info->histories == 0 || taken->best_return > info->best_return) {
        info->best_return = taken->best_return;
    }
    info->mean_return += taken->return_sum; /* the sum until all are there */
    info->histories++;
    info->episodes += taken->episodes;
    info->steps += taken->steps;
    info->windows += windows;
}

/* One history of a task that is used. */
static pp_status add_group(ppi_history_windows *w, int game_index, int32_t dataset, int64_t index,
                           const ppi_sampler_options *options) {
    const ppi_dataset *d = w->datasets[dataset];
    const ppi_group *group = ppi_dataset_group(d, index);
    history_game *game = &w->games[game_index];
    ppi_sampler_game_info *info = &w->mixture->games[game_index].info;
    ppi_history_taken taken;
    history h = {.dataset = dataset, .group = index, .first_segment = w->segments.count};
    const double final = ppi_history_final(d, group);
    if (final > game->best_final) {
        game->best_final = final;
    }
    if (options->min_return > -INFINITY && !(final >= options->min_return)) {
        info->poor_histories++;
        return PP_OK;
    }
    PPI_TRY(ppi_history_select(&w->segments, &taken, d, group, options));
    h.segments = w->segments.count - h.first_segment;
    h.steps = taken.steps;
    if (taken.steps > game->longest) {
        game->longest = taken.steps;
        game->longest_dataset = dataset;
        game->longest_group = group->group;
    }
    if (taken.steps < w->window) {
        w->segments.count = h.first_segment;
        info->short_histories++;
        return PP_OK;
    }
    count_history(info, &taken, taken.steps - w->window + 1);
    return add_history(game, &h);
}

static pp_status grow_games(ppi_history_windows *w) {
    if (w->mixture->game_count == w->game_count) {
        return PP_OK;
    }
    history_game *grown = ppi_realloc(w->games, (size_t)w->mixture->game_count * sizeof *grown);
    if (!grown) {
        return ppi_oom("the games of learning histories");
    }
    w->games = grown;
    while (w->game_count < w->mixture->game_count) {
        w->games[w->game_count++] = (history_game){.best_final = -INFINITY};
    }
    return PP_OK;
}

static pp_status add_dataset(ppi_history_windows *w, int32_t dataset,
                             const ppi_sampler_options *options) {
    const ppi_dataset *d = w->datasets[dataset];
    ppi_mix_game *mix = NULL;
    PPI_TRY(ppi_mixture_game(w->mixture, ppi_dataset_info(d), options, &mix));
    PPI_TRY(grow_games(w));
    const int game = (int)(mix - w->mixture->games);
    for (int64_t i = 0; i < ppi_dataset_group_count(d); i++) {
        bool taken = false;
        PPI_TRY(
            choose_task(&w->games[game], ppi_dataset_group(d, i)->task, options->tasks, &taken));
        if (taken) {
            PPI_TRY(add_group(w, game, dataset, i, options));
        }
    }
    return PP_OK;
}

/* A game without a window to draw says what took them away. */
static pp_status no_windows(const ppi_history_windows *w, int game) {
    const history_game *g = &w->games[game];
    const ppi_sampler_game_info *info = &w->mixture->games[game].info;
    if (g->longest == 0 && info->poor_histories > 0) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "%s: none of %lld histories reaches data.min-return, the best one ends at "
                        "%g",
                        info->env, (long long)info->poor_histories, g->best_final);
    }
    return ppi_fail(PP_ERR_ARGUMENT,
                    "windows of %lld steps are longer than any history of %s: the longest, "
                    "episode_%lld of %s, has %lld steps left to draw from; take a shorter context, "
                    "longer histories, or more of them (data.every, data.tail, data.first, "
                    "data.converged)",
                    (long long)w->window, info->env, (long long)g->longest_group,
                    ppi_dataset_folder(w->datasets[g->longest_dataset]), (long long)g->longest);
}

/* Lists the tasks whose histories are drawn from: those left out were not learned. */
static void keep_used_tasks(const ppi_history_windows *w, history_game *game) {
    game->task_count = 0;
    for (int64_t i = 0; i < game->count; i++) {
        const history *h = &game->item[i];
        const int64_t task = ppi_dataset_group(w->datasets[h->dataset], h->group)->task;
        if (!has_task(game, task)) {
            game->tasks[game->task_count++] = task;
        }
    }
}

static pp_status finish_game(ppi_history_windows *w, int game, int64_t tasks) {
    history_game *g = &w->games[game];
    ppi_sampler_game_info *info = &w->mixture->games[game].info;
    if (tasks > g->task_count) {
        return ppi_fail(PP_ERR_ARGUMENT, "data.tasks %lld: the histories of %s are of %lld tasks",
                        (long long)tasks, info->env, (long long)g->task_count);
    }
    if (g->count == 0) {
        return no_windows(w, game);
    }
    keep_used_tasks(w, g);
    info->tasks = g->task_count;
    info->mean_return /= (double)info->episodes;
    return PP_OK;
}

/* ---- observations in memory ---- */

/* Rows of one segment into out, the components that are not used left away. */
static pp_status read_segment(const ppi_history_windows *w, const history *h,
                              const ppi_history_segment *s, ppi_buf *scratch, uint8_t *out) {
    ppi_dataset *d = w->datasets[h->dataset];
    const int64_t stored = ppi_dataset_frame_bytes(d);
    if (stored == w->obs_bytes) {
        return ppi_dataset_read_observations(d, h->group, s->frame, s->steps, out);
    }
    ppi_buf_clear(scratch);
    PPI_TRY(ppi_buf_reserve(scratch, (size_t)(s->steps * stored)));
    uint8_t *rows = (uint8_t *)scratch->data;
    PPI_TRY(ppi_dataset_read_observations(d, h->group, s->frame, s->steps, rows));
    for (int64_t i = 0; i < s->steps; i++) {
        memcpy(out + i * w->obs_bytes, rows + i * stored, (size_t)w->obs_bytes);
    }
    return PP_OK;
}

static pp_status read_history(const ppi_history_windows *w, const history *h, ppi_buf *scratch) {
    uint8_t *out = w->obs + h->obs * w->obs_bytes;
    for (int64_t i = 0; i < h->segments; i++) {
        const ppi_history_segment *s = &w->segments.item[h->first_segment + i];
        PPI_TRY(read_segment(w, h, s, scratch, out + s->begin * w->obs_bytes));
    }
    return PP_OK;
}

static pp_status read_all(const ppi_history_windows *w) {
    ppi_buf scratch = {0};
    pp_status status = PP_OK;
    for (int g = 0; g < w->game_count; g++) {
        for (int64_t i = 0; i < w->games[g].count && status == PP_OK; i++) {
            status = read_history(w, &w->games[g].item[i], &scratch);
        }
    }
    ppi_buf_free(&scratch);
    return status;
}

/* Gives every history its place and reads them all, when there is room. */
static pp_status load_observations(ppi_history_windows *w, int64_t room) {
    int64_t rows = 0;
    for (int g = 0; g < w->game_count; g++) {
        for (int64_t i = 0; i < w->games[g].count; i++) {
            w->games[g].item[i].obs = rows;
            rows += w->games[g].item[i].steps;
        }
    }
    const int64_t bytes = rows * w->obs_bytes;
    if (bytes > room) {
        if (w->obs_bytes == ppi_dataset_frame_bytes(w->datasets[0])) {
            return PP_OK;
        }
        return ppi_fail(PP_ERR_NO_MEMORY,
                        "observations with components left out are kept in "
                        "memory: they take %lld bytes, there is room for %lld; raise data.memory",
                        (long long)bytes, (long long)room);
    }
    w->obs = ppi_malloc((size_t)bytes);
    if (!w->obs) {
        return ppi_oom("the observations of learning histories");
    }
    w->obs_size = bytes;
    return read_all(w);
}

/* ---- making ---- */

static pp_status build(ppi_history_windows *w, const ppi_sampler_options *options, int64_t room) {
    PPI_TRY(check_options(options));
    PPI_TRY(check_components(w, options->components));
    const pp_dataset_info *info = ppi_dataset_info(w->datasets[0]);
    w->channels = options->components > 0 ? options->components : info->channels;
    w->obs_bytes = (int64_t)info->height * info->width * w->channels;
    for (int32_t i = 0; i < w->dataset_count; i++) {
        PPI_TRY(add_dataset(w, i, options));
    }
    for (int g = 0; g < w->game_count; g++) {
        PPI_TRY(finish_game(w, g, options->tasks));
    }
    return load_observations(w, room - ppi_history_windows_bytes(w));
}

pp_status ppi_history_windows_create(ppi_history_windows **out, ppi_mixture *mixture,
                                     ppi_dataset *const *datasets, int count,
                                     const ppi_sampler_options *options, int64_t room) {
    *out = NULL;
    ppi_history_windows *w = ppi_calloc(1, sizeof *w);
    if (!w) {
        return ppi_oom("windows of learning histories");
    }
    w->datasets = datasets;
    w->dataset_count = count;
    w->seed = options->seed;
    w->window = options->window;
    w->mixture = mixture;
    const pp_status status = build(w, options, room);
    if (status != PP_OK) {
        ppi_history_windows_destroy(w);
        return status;
    }
    *out = w;
    return PP_OK;
}

void ppi_history_windows_destroy(ppi_history_windows *w) {
    if (!w) {
        return;
    }
    for (int g = 0; g < w->game_count; g++) {
        ppi_free(w->games[g].item);
        ppi_free(w->games[g].tasks);
    }
    ppi_free(w->games);
    ppi_free(w->segments.item);
    ppi_free(w->obs);
    ppi_free(w);
}

int64_t ppi_history_windows_bytes(const ppi_history_windows *w) {
    int64_t bytes = w->obs_size + w->segments.capacity * (int64_t)sizeof *w->segments.item;
    for (int g = 0; g < w->game_count; g++) {
        bytes += w->games[g].capacity * (int64_t)sizeof(history) +
                 w->games[g].task_capacity * (int64_t)sizeof(int64_t);
    }
    return bytes;
}

bool ppi_history_windows_in_memory(const ppi_history_windows *w) {
    return w->obs != NULL;
}

int64_t ppi_history_windows_channels(const ppi_history_windows *w) {
    return w->channels;
}

const int64_t *ppi_history_windows_tasks(const ppi_history_windows *w, int game, int64_t *count) {
    *count = w->games[game].task_count;
    return w->games[game].tasks;
}

/* ---- filling a batch ---- */

/* Rows of a window that lie side by side in the data, and where they go. */
typedef struct stretch {
    int game;
    const history *h;
    int64_t row;   /* of the dataset's columns */
    int64_t frame; /* of the group's observations */
    int64_t obs;   /* of the observations in memory */
    int64_t count;
    int64_t at;       /* in the batch */
    int64_t timestep; /* of its first row */
} stretch;

/* The segment that holds a row of a history. */
static int64_t segment_of(const ppi_history_windows *w, const history *h, int64_t row) {
    const ppi_history_segment *segment = w->segments.item + h->first_segment;
    int64_t low = 0;
    int64_t high = h->segments;
    while (high - low > 1) {
        const int64_t middle = low + (high - low) / 2;
        if (segment[middle].begin <= row) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Step in its episode of a row of the dataset that lies in a group. */
static int64_t timestep_of(const ppi_dataset *d, const ppi_group *group, int64_t row) {
    int64_t low = group->first_episode;
    int64_t high = low + group->episodes;
    while (high - low > 1) {
        const int64_t middle = low + (high - low) / 2;
        if (ppi_dataset_episode(d, middle)->row <= row) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return row - ppi_dataset_episode(d, low)->row;
}

#define COPY(array, from)                                                                          \
    do {                                                                                           \
        if (array) memcpy((array) + s->at, (from) + s->row, (size_t)s->count * sizeof *(array));   \
    } while (0)

static void fill_rewards(const ppi_history_windows *w, const stretch *s, const ppi_batch *out) {
    COPY(out->reward, ppi_dataset_rewards(w->datasets[s->h->dataset]));
    if (!out->reward || !w->mixture->games[s->game].info.clip_rewards) {
        return;
    }
    for (int64_t i = s->at; i < s->at + s->count; i++) {
        const float reward = out->reward[i];
        out->reward[i] = reward > 1 ? 1 : reward < -1 ? -1 : reward;
    }
}

/* Ends of episodes, and the steps since: rows flags[count] of the data. */
static void fill_ends(const stretch *s, const uint8_t *flags, const ppi_batch *out) {
    int32_t timestep = (int32_t)s->timestep;
    for (int64_t i = 0; out->terminated && i < s->count; i++) {
        out->terminated[s->at + i] = (flags[i] & PPI_STEP_TERMINATED) != 0;
    }
    for (int64_t i = 0; out->truncated && i < s->count; i++) {
        out->truncated[s->at + i] = (flags[i] & PPI_STEP_TRUNCATED) != 0;
    }
    for (int64_t i = 0; out->timestep && i < s->count; i++) {
        out->timestep[s->at + i] = timestep;
        timestep = flags[i] ? 0 : timestep + 1;
    }
}

static void fill_columns(const ppi_history_windows *w, const stretch *s, const ppi_batch *out) {
    const ppi_dataset *d = w->datasets[s->h->dataset];
    COPY(out->action, ppi_dataset_actions(d));
    fill_rewards(w, s, out);
    fill_ends(s, ppi_dataset_flags(d) + s->row, out);
    for (int64_t i = 0; out->game && i < s->count; i++) out->game[s->at + i] = s->game;
    for (int64_t i = 0; out->rtg && i < s->count; i++) out->rtg[s->at + i] = NAN;
    if (out->pad) memset(out->pad + s->at, 0, (size_t)s->count);
}

static pp_status fetch(const ppi_history_windows *w, const stretch *s, uint8_t *obs,
                       ppi_loader *loader, ppi_cache *cache) {
    const ppi_dataset *d = w->datasets[s->h->dataset];
    const int64_t block_rows = ppi_dataset_block_rows(d);
    const int64_t number = ppi_dataset_group(d, s->h->group)->group;
    int64_t done = 0;
    while (done < s->count) {
        const int64_t row = s->frame + done;
        const int64_t left = block_rows - row % block_rows;
        const ppi_loader_piece piece = {
            .key = {.dataset = s->h->dataset, .group = number, .block = row / block_rows},
            .first = row % block_rows,
            .frames = left < s->count - done ? left : s->count - done,
            .out = obs + done * w->obs_bytes};
        PPI_TRY(ppi_loader_add(loader, cache, &piece));
        done += piece.frames;
    }
    return PP_OK;
}

static pp_status fill_stretch(const ppi_history_windows *w, const stretch *s, const ppi_batch *out,
                              ppi_loader *loader, ppi_cache *cache) {
    fill_columns(w, s, out);
    if (!out->obs) {
        return PP_OK;
    }
    uint8_t *obs = out->obs + s->at * w->obs_bytes;
    if (!w->obs) {
        return fetch(w, s, obs, loader, cache);
    }
    memcpy(obs, w->obs + s->obs * w->obs_bytes, (size_t)(s->count * w->obs_bytes));
    return PP_OK;
}

/* Window b of a batch: rows start..start+T-1 of a history, stretch by stretch. */
static pp_status fill_window(const ppi_history_windows *w, int game, const history *h,
                             int64_t start, int64_t b, const ppi_batch *out, ppi_loader *loader,
                             ppi_cache *cache) {
    const ppi_dataset *d = w->datasets[h->dataset];
    const ppi_group *group = ppi_dataset_group(d, h->group);
    const ppi_history_segment *segment =
        &w->segments.item[h->first_segment + segment_of(w, h, start)];
    for (int64_t t = 0; t < out->T; segment++) {
        const int64_t inside = start + t - segment->begin;
        const int64_t left = segment->steps - inside;
        const stretch s = {.game = game,
                           .h = h,
                           .row = segment->row + inside,
                           .frame = segment->frame + inside,
                           .obs = h->obs + start + t,
                           .count = left < out->T - t ? left : out->T - t,
                           .at = b * out->T + t,
                           .timestep = timestep_of(d, group, segment->row + inside)};
        PPI_TRY(fill_stretch(w, &s, out, loader, cache));
        t += s.count;
    }
    return PP_OK;
}

pp_status ppi_history_windows_fill(const ppi_history_windows *w, int64_t step, const ppi_batch *out,
                                   ppi_loader *loader, ppi_cache *cache) {
    for (int64_t b = 0; b < out->B; b++) {
        ppi_rng rng;
        ppi_rng_init(&rng, w->seed, PPI_RNG_SAMPLER, (uint64_t)step << 24 | (uint64_t)b);
        const int game = (int)ppi_rng_below(&rng, (uint64_t)w->game_count);
        const history_game *g = &w->games[game];
        const history *h = &g->item[ppi_rng_below(&rng, (uint64_t)g->count)];
        const int64_t start = (int64_t)ppi_rng_below(&rng, (uint64_t)(h->steps - w->window + 1));
        PPI_TRY(fill_window(w, game, h, start, b, out, loader, cache));
    }
    return w->obs || !out->obs ? PP_OK : ppi_loader_finish(loader, cache);
}
