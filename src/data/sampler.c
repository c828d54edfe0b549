/* The window sampler; see sampler.h. */
#include "data/sampler.h"

#include <math.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "data/cache.h"
#include "data/history_windows.h"
#include "data/loader.h"
#include "data/mixture.h"

#define SHIFT_PIXELS 4
#define LEAST_SHIFTED 32 /* smaller frames are not shifted unless asked */
#define MAX_BATCH (1 << 24)

#define ROW(option, kind, field, text, low, high, list, sentence)                                  \
    {.name = option, .type = kind, .offset = offsetof(ppi_sampler_options, field), .def = text,    \
     .min = low, .max = high, .choices = list, .help = sentence}

static const ppi_option rows[] = {
    ROW("data.memory", PPI_OPT_I64, memory_mb, "1024", 1, 1 << 24, NULL,
        "Memory of the loader in MB: columns, decoded frames and the batch being prepared."),
    ROW("data.clip-rewards", PPI_OPT_CHOICE, clip_rewards, "auto", 0, 0, "auto|on|off",
        "Clip rewards to [-1, 1]; auto clips on Atari and arcade games."),
    ROW("data.augment", PPI_OPT_CHOICE, augment, "auto", 0, 0, "auto|on|off",
        "Shift all frames of a window by up to 4 pixels; auto shifts frames of 32 pixels and more."),
    ROW("data.first", PPI_OPT_F64, first, "1", 1e-9, 1, NULL,
        "First share of each history, or of the episodes of a dataset without histories."),
    ROW("data.fraction", PPI_OPT_F64, fraction, "1", 1e-9, 1, NULL,
        "Share of whole episodes of every game, drawn uniformly with the seed."),
    ROW("data.top", PPI_OPT_F64, top, "1", 1e-9, 1, NULL,
        "Best share of the episodes of every game by clipped return."),
    ROW("data.every", PPI_OPT_I64, every, "1", 1, 1 << 30, NULL, "Every Nth episode."),
    ROW("data.tasks", PPI_OPT_I64, tasks, "0", 0, 1 << 30, NULL,
        "Histories of the first N distinct tasks, in the order of the data; 0 = of all."),
    ROW("data.min-return", PPI_OPT_F64, min_return, "-inf", 0, 0, NULL,
        "Leave out histories whose last tenth of episodes has a lower mean return."),
    ROW("data.converged", PPI_OPT_F64, converged, "0", 0, 1, NULL,
        "Cut each history this share of its episodes behind the one where the running mean of its "
        "returns reaches 95 % of its final level; 0 = keep all."),
    ROW("data.tail", PPI_OPT_F64, tail, "1", 1e-9, 1, NULL,
        "Last share of the episodes of each history: what an expert does."),
    ROW("data.workers", PPI_OPT_I64, workers, "1", 0, 1024, NULL,
        "Threads that decode stored frames; 0 = one for each processor. The batches are the same."),
};

const ppi_option_table ppi_sampler_option_table = {
    .component = "data", .rows = rows, .count = (int)(sizeof rows / sizeof rows[0])};

void ppi_sampler_options_default(ppi_sampler_options *options) {
    *options = (ppi_sampler_options){
        .memory_mb = 1024, .first = 1, .fraction = 1, .top = 1, .every = 1, .workers = 1,
        .min_return = -INFINITY, .tail = 1, .window = 4};
}

/* The thread that prepares the next batch. It sleeps while `want` is negative. */
typedef struct prefetcher {
    bool active;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int64_t want; /* step to prepare, -1 = none */
    int64_t have; /* step that lies in `batch`, -1 = none */
    bool busy;
    bool quit;
    ppi_batch batch;
    uint8_t *memory;
    int64_t bytes;
    pp_status status;
    char text[1024]; /* the error of `status` */
} prefetcher;

struct ppi_sampler {
    ppi_sampler_options options;
    ppi_dataset **datasets;
    int dataset_count;
    ppi_mixture mixture;
    ppi_history_windows *histories; /* NULL = windows of single episodes */
    ppi_cache *cache;   /* NULL, as the loader: all observations are in memory */
    ppi_loader *loader;
    int64_t H, W, C, frame_bytes, block_bytes;
    int64_t fixed_bytes; /* columns and tables */
    int64_t blocks;      /* of all datasets */
    bool augment;
    prefetcher ahead;
};

/* ---- building ---- */

static pp_status check_shapes(ppi_sampler *s) {
    for (int i = 0; i < s->dataset_count; i++) {
        PPI_TRY(ppi_dataset_check_playable(s->datasets[i]));
    }
    if (s->options.histories && s->options.view.H > 0) {
        return ppi_fail(PP_ERR_UNSUPPORTED, "windows of learning histories show observations as "
                        "they are stored; those of %s were to be painted or padded",
                        ppi_dataset_info(s->datasets[0])->id);
    }
    PPI_TRY(ppi_frame_view_settle(&s->options.view, s->datasets, s->dataset_count));
    s->H = s->options.view.H;
    s->W = s->options.view.W;
    s->C = s->options.view.C;
    s->frame_bytes = s->H * s->W * s->C;
    for (int i = 0; i < s->dataset_count; i++) {
        const pp_dataset_info *info = ppi_dataset_info(s->datasets[i]);
        int64_t block = ppi_dataset_block_rows(s->datasets[i]);
        int64_t bytes = block * ppi_dataset_frame_bytes(s->datasets[i]);
        s->block_bytes = bytes > s->block_bytes ? bytes : s->block_bytes;
        s->blocks += info->steps / block + 2 * info->episodes;
        s->fixed_bytes += ppi_dataset_memory(s->datasets[i]);
    }
    return PP_OK;
}

static bool in_memory(const ppi_sampler *s) {
    return s->histories && ppi_history_windows_in_memory(s->histories);
}

static int64_t loader_bytes(const ppi_sampler *s) {
    return s->loader ? ppi_loader_bytes(s->loader) : 0;
}

/* Bytes the bound leaves beside what is held already. */
static int64_t room_left(const ppi_sampler *s) {
    int64_t bound = s->options.memory_mb << 20;
    /* An eighth, at most 32 MB, is left to the HDF5 library and the allocator. */
    int64_t reserve = bound / 8 < (32 << 20) ? bound / 8 : 32 << 20;
    return bound - reserve - s->fixed_bytes - s->ahead.bytes - loader_bytes(s);
}

static pp_status make_cache(ppi_sampler *s) {
    pp_status status = PP_OK;
    ppi_cache_destroy(s->cache);
    s->cache = NULL;
    if (!in_memory(s)) {
        status = ppi_cache_create(&s->cache, s->block_bytes, room_left(s), s->blocks);
    } else if (room_left(s) < 0) {
        status = ppi_fail(PP_ERR_NO_MEMORY, "%lld bytes too much", (long long)-room_left(s));
    }
    return ppi_fail_context(status, "data.memory %lld MB: columns take %lld bytes, the batch ahead "
                            "%lld, blocks being decoded %lld", (long long)s->options.memory_mb,
                            (long long)s->fixed_bytes, (long long)s->ahead.bytes,
                            (long long)loader_bytes(s));
}

/* Options that mean nothing to windows of single episodes. */
static pp_status check_plain(const ppi_sampler_options *o) {
    if (o->tasks == 0 && o->converged == 0 && o->tail >= 1 && o->min_return == -INFINITY &&
        o->components == 0) {
        return PP_OK;
    }
    return ppi_fail(PP_ERR_ARGUMENT,
                    "data.tasks, data.min-return, data.converged and data.tail choose "
                    "among learning histories; this method draws from single episodes");
}

/* Windows of whole histories; observations that are small enough are in memory from here on. */
static pp_status use_histories(ppi_sampler *s) {
    PPI_TRY(ppi_history_windows_create(&s->histories, &s->mixture, s->datasets, s->dataset_count,
                                       &s->options, room_left(s) - room_left(s) / 4));
    s->fixed_bytes += ppi_history_windows_bytes(s->histories);
    s->C = ppi_history_windows_channels(s->histories);
    s->frame_bytes = s->H * s->W * s->C;
    return PP_OK;
}

static pp_status use_episodes(ppi_sampler *s) {
    PPI_TRY(check_plain(&s->options));
    return ppi_mixture_build(&s->mixture, s->datasets, s->dataset_count, &s->options);
}

static pp_status sampler_build(ppi_sampler *s, ppi_dataset *const *datasets, int count) {
    s->datasets = ppi_malloc((size_t)count * sizeof *s->datasets);
    if (!s->datasets) {
        return ppi_oom("a sampler");
    }
    memcpy(s->datasets, datasets, (size_t)count * sizeof *datasets);
    s->dataset_count = count;
    if (s->options.histories) {
        PPI_TRY(ppi_history_windows_check(s->datasets, count));
    }
    PPI_TRY(check_shapes(s));
    PPI_TRY(s->options.histories ? use_histories(s) : use_episodes(s));
    s->fixed_bytes += s->mixture.bytes;
    s->augment = s->options.augment == PPI_ON ||
                 (s->options.augment == PPI_AUTO && s->H >= LEAST_SHIFTED && s->W >= LEAST_SHIFTED);
    if (!in_memory(s)) {
        PPI_TRY(ppi_loader_create(&s->loader, s->datasets, count, &s->options.view,
                                  (int)s->options.workers));
    }
    return make_cache(s);
}

pp_status ppi_sampler_create(ppi_sampler **out, ppi_dataset *const *datasets, int count,
                             const ppi_sampler_options *options) {
    *out = NULL;
    if (count < 1 || options->window < 1 || options->every < 1) {
        return ppi_fail(PP_ERR_ARGUMENT, "sampler: %d datasets, window %lld, every %lld: all must be "
                        "at least 1", count, (long long)options->window,
                        (long long)options->every);
    }
    ppi_sampler *s = ppi_calloc(1, sizeof *s);
    if (!s) {
        return ppi_oom("a sampler");
    }
    s->options = *options;
    pthread_mutex_init(&s->ahead.mutex, NULL);
    pthread_cond_init(&s->ahead.changed, NULL);
    pp_status status = sampler_build(s, datasets, count);
    if (status != PP_OK) {
        ppi_sampler_destroy(s);
        return status;
    }
    *out = s;
    return PP_OK;
}

void ppi_sampler_destroy(ppi_sampler *s) {
    if (!s) {
        return;
    }
    if (s->ahead.active) {
        pthread_mutex_lock(&s->ahead.mutex);
        s->ahead.quit = true;
        pthread_cond_broadcast(&s->ahead.changed);
        pthread_mutex_unlock(&s->ahead.mutex);
        pthread_join(s->ahead.thread, NULL);
    }
    pthread_cond_destroy(&s->ahead.changed);
    pthread_mutex_destroy(&s->ahead.mutex);
    ppi_free(s->ahead.memory);
    ppi_cache_destroy(s->cache);
    ppi_loader_destroy(s->loader);
    ppi_history_windows_destroy(s->histories);
    ppi_mixture_free(&s->mixture);
    ppi_free(s->datasets);
    ppi_free(s);
}

int ppi_sampler_game_count(const ppi_sampler *s) {
    return s->mixture.game_count;
}

const ppi_sampler_game_info *ppi_sampler_game(const ppi_sampler *s, int game) {
    return game >= 0 && game < s->mixture.game_count ? &s->mixture.games[game].info : NULL;
}

const int64_t *ppi_sampler_tasks(const ppi_sampler *s, int game, int64_t *count) {
    *count = 0;
    if (!s->histories || game < 0 || game >= s->mixture.game_count) {
        return NULL;
    }
    return ppi_history_windows_tasks(s->histories, game, count);
}

int64_t ppi_sampler_windows(const ppi_sampler *s) {
    int64_t sum = 0;
    for (int g = 0; g < s->mixture.game_count; g++) {
        sum += s->mixture.games[g].info.windows;
    }
    return sum;
}

int64_t ppi_sampler_memory(ppi_sampler *s) {
    pthread_mutex_lock(&s->ahead.mutex);
    while (s->ahead.busy) {
        pthread_cond_wait(&s->ahead.changed, &s->ahead.mutex);
    }
    int64_t bytes = s->fixed_bytes + s->ahead.bytes + loader_bytes(s) +
                    (s->cache ? ppi_cache_bytes(s->cache) : 0);
    pthread_mutex_unlock(&s->ahead.mutex);
    return bytes;
}

/* ---- filling a batch ---- */

void ppi_shift_frame(uint8_t *out, const uint8_t *in, int64_t H, int64_t W, int64_t C, int dy,
                     int dx) {
    for (int64_t y = 0; y < H; y++) {
        int64_t sy = y + dy;
        sy = sy < 0 ? 0 : sy >= H ? H - 1 : sy;
        const uint8_t *row = in + sy * W * C;
        for (int64_t x = 0; x < W; x++) {
            int64_t sx = x + dx;
            sx = sx < 0 ? 0 : sx >= W ? W - 1 : sx;
            for (int64_t c = 0; c < C; c++) {
                *out++ = row[sx * C + c];
            }
        }
    }
}

/* One row of a batch. */
typedef struct window_draw {
    int game;
    const ppi_mix_episode *source;
    const ppi_episode *episode;
    int64_t start; /* first row, from -PPI_ZERO_ROWS */
    int dy, dx;
} window_draw;

static void draw_window(const ppi_sampler *s, int64_t step, int64_t b, window_draw *draw) {
    ppi_rng rng;
    uint64_t stream = (uint64_t)step << 24 | (uint64_t)b;
    ppi_rng_init(&rng, s->options.seed, PPI_RNG_SAMPLER, stream);
    draw->game = (int)ppi_rng_below(&rng, (uint64_t)s->mixture.game_count);
    const ppi_mix_game *game = &s->mixture.games[draw->game];
    int64_t window = (int64_t)ppi_rng_below(&rng, (uint64_t)game->info.windows);
    draw->source = ppi_mixture_window(game, window, &draw->start);
    draw->episode = ppi_dataset_episode(s->datasets[draw->source->dataset], draw->source->episode);
    draw->dy = draw->dx = 0;
    if (s->augment) {
        ppi_rng_init(&rng, s->options.seed, PPI_RNG_AUGMENT, stream);
        draw->dy = (int)ppi_rng_below(&rng, 2 * SHIFT_PIXELS + 1) - SHIFT_PIXELS;
        draw->dx = (int)ppi_rng_below(&rng, 2 * SHIFT_PIXELS + 1) - SHIFT_PIXELS;
    }
}

/* Asks for the frames of a window, block by block; they are there when the loader finishes. */
static pp_status ask_frames(ppi_sampler *s, const window_draw *draw, int64_t T, uint8_t *obs) {
    int dataset = draw->source->dataset;
    int64_t block_rows = ppi_dataset_block_rows(s->datasets[dataset]);
    int64_t t = 0;
    for (; t < T && draw->start + t < 0; t++, obs += s->frame_bytes) {
        memset(obs, 0, (size_t)s->frame_bytes);
    }
    while (t < T) {
        int64_t row = draw->episode->first_frame + draw->start + t;
        int64_t left = block_rows - row % block_rows;
        ppi_loader_piece piece = {.key = {.dataset = dataset,
                                          .group = draw->episode->group,
                                          .block = row / block_rows},
                                  .first = row % block_rows,
                                  .frames = left < T - t ? left : T - t,
                                  .dy = draw->dy,
                                  .dx = draw->dx,
                                  .out = obs};
        PPI_TRY(ppi_loader_add(s->loader, s->cache, &piece));
        t += piece.frames;
        obs += piece.frames * s->frame_bytes;
    }
    return PP_OK;
}

/* The values of one row of a window in the order of ppi_batch. */
typedef struct row_values {
    int32_t action, timestep;
    float reward, rtg;
    uint8_t flags, pad;
} row_values;

static row_values read_row(const ppi_sampler *s, const window_draw *draw, int64_t step) {
    const ppi_dataset *dataset = s->datasets[draw->source->dataset];
    const float *rtg = s->mixture.rtg[draw->source->dataset];
    int64_t row = draw->episode->row + step;
    if (step < 0) {
        return (row_values){.rtg = rtg[draw->episode->row], .pad = 1};
    }
    float reward = ppi_dataset_rewards(dataset)[row];
    if (s->mixture.games[draw->game].info.clip_rewards) {
        reward = reward > 1 ? 1 : reward < -1 ? -1 : reward;
    }
    return (row_values){.action = ppi_dataset_actions(dataset)[row],
                        .timestep = (int32_t)step,
                        .reward = reward,
                        .rtg = rtg[row],
                        .flags = ppi_dataset_flags(dataset)[row]};
}

#define PUT(array, value)                                                                          \
    do {                                                                                           \
        if (array) (array)[at] = (value);                                                          \
    } while (0)

static void fill_columns(const ppi_sampler *s, const window_draw *draw, int64_t b,
                         const ppi_batch *out) {
    for (int64_t t = 0; t < out->T; t++) {
        int64_t at = b * out->T + t;
        row_values row = read_row(s, draw, draw->start + t);
        PUT(out->action, row.action);
        PUT(out->reward, row.reward);
        PUT(out->rtg, row.rtg);
        PUT(out->terminated, (row.flags & PPI_STEP_TERMINATED) != 0);
        PUT(out->truncated, (row.flags & PPI_STEP_TRUNCATED) != 0);
        PUT(out->timestep, row.timestep);
        PUT(out->game, draw->game);
        PUT(out->pad, row.pad);
    }
}

static pp_status fill(ppi_sampler *s, int64_t step, const ppi_batch *out) {
    if (s->histories) {
        return ppi_history_windows_fill(s->histories, step, out, s->loader, s->cache);
    }
    for (int64_t b = 0; b < out->B; b++) {
        window_draw draw;
        draw_window(s, step, b, &draw);
        fill_columns(s, &draw, b, out);
        if (out->obs) {
            PPI_TRY(ask_frames(s, &draw, out->T, out->obs + b * out->T * s->frame_bytes));
        }
    }
    return ppi_loader_finish(s->loader, s->cache);
}

/* ---- the thread ahead ---- */

static void *run_ahead(void *context) {
    ppi_sampler *s = context;
    prefetcher *p = &s->ahead;
    pthread_mutex_lock(&p->mutex);
    while (!p->quit) {
        if (p->want < 0) {
            pthread_cond_wait(&p->changed, &p->mutex);
            continue;
        }
        int64_t step = p->want;
        p->want = -1;
        p->busy = true;
        pthread_mutex_unlock(&p->mutex);
        pp_status status = fill(s, step, &p->batch);
        pthread_mutex_lock(&p->mutex);
        p->status = status;
        if (status != PP_OK) {
            snprintf(p->text, sizeof p->text, "%s", pp_last_error());
        }
        p->have = step;
        p->busy = false;
        pthread_cond_broadcast(&p->changed);
    }
    pthread_mutex_unlock(&p->mutex);
    return NULL;
}

/* Cuts one array of `count` elements out of the thread's memory. */
static void *carve(uint8_t **next, int64_t count, size_t element) {
    void *array = *next;
    *next += ((size_t)count * element + 63) / 64 * 64;
    return array;
}

static int64_t lay_out(prefetcher *p, int64_t frame_bytes, uint8_t *memory) {
    uint8_t *next = memory;
    ppi_batch *batch = &p->batch;
    int64_t n = batch->B * batch->T;
    batch->obs = carve(&next, n * frame_bytes, 1);
    batch->action = carve(&next, n, sizeof *batch->action);
    batch->reward = carve(&next, n, sizeof *batch->reward);
    batch->rtg = carve(&next, n, sizeof *batch->rtg);
    batch->timestep = carve(&next, n, sizeof *batch->timestep);
    batch->game = carve(&next, n, sizeof *batch->game);
    batch->terminated = carve(&next, n, 1);
    batch->truncated = carve(&next, n, 1);
    batch->pad = carve(&next, n, 1);
    return (int64_t)(next - memory);
}

pp_status ppi_sampler_prefetch(ppi_sampler *s, int64_t B) {
    prefetcher *p = &s->ahead;
    if (p->active || B < 1 || B > MAX_BATCH) {
        return ppi_fail(PP_ERR_ARGUMENT, "sampler: prefetch of batches of %lld%s", (long long)B,
                        p->active ? " while it already runs" : "");
    }
    p->batch = (ppi_batch){.B = B, .T = s->options.window, .H = s->H, .W = s->W, .C = s->C};
    int64_t n = B * s->options.window;
    p->bytes = n * (s->frame_bytes + 23) + 9 * 64;
    p->memory = ppi_malloc((size_t)p->bytes);
    if (!p->memory) {
        p->bytes = 0;
        return ppi_oom("the batch ahead");
    }
    (void)lay_out(p, s->frame_bytes, p->memory);
    p->want = p->have = -1;
    PPI_TRY(make_cache(s));
    if (pthread_create(&p->thread, NULL, run_ahead, s) != 0) {
        return ppi_fail(PP_ERR_NO_MEMORY, "sampler: the reader thread could not start");
    }
    p->active = true;
    return PP_OK;
}

static void copy_array(void *to, const void *from, int64_t count, size_t element) {
    if (to) {
        memcpy(to, from, (size_t)count * element);
    }
}

static void copy_batch(const ppi_batch *to, const ppi_batch *from, int64_t frame_bytes) {
    int64_t n = to->B * to->T;
    copy_array(to->obs, from->obs, n, (size_t)frame_bytes);
    copy_array(to->action, from->action, n, sizeof *to->action);
    copy_array(to->reward, from->reward, n, sizeof *to->reward);
    copy_array(to->rtg, from->rtg, n, sizeof *to->rtg);
    copy_array(to->timestep, from->timestep, n, sizeof *to->timestep);
    copy_array(to->game, from->game, n, sizeof *to->game);
    copy_array(to->terminated, from->terminated, n, 1);
    copy_array(to->truncated, from->truncated, n, 1);
    copy_array(to->pad, from->pad, n, 1);
}

static pp_status next_ahead(ppi_sampler *s, int64_t step, ppi_batch *out) {
    prefetcher *p = &s->ahead;
    pp_status status = PP_OK;
    pthread_mutex_lock(&p->mutex);
    while (p->busy || p->want >= 0) {
        pthread_cond_wait(&p->changed, &p->mutex);
    }
    if (p->have == step && p->batch.B == out->B) {
        status = p->status == PP_OK ? PP_OK : ppi_fail(p->status, "%s", p->text);
        if (status == PP_OK) {
            copy_batch(out, &p->batch, s->frame_bytes);
        }
    } else {
        status = fill(s, step, out);
    }
    p->have = -1;
    p->want = step + 1;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->mutex);
    return status;
}

pp_status ppi_sampler_next(ppi_sampler *s, int64_t step, ppi_batch *out) {
    if (step < 0 || out->B < 1 || out->B > MAX_BATCH || out->T != s->options.window) {
        return ppi_fail(PP_ERR_ARGUMENT, "sampler: batch %lld of %lldx%lld asked, window is %lld",
                        (long long)step, (long long)out->B, (long long)out->T,
                        (long long)s->options.window);
    }
    if (out->obs && (out->H != s->H || out->W != s->W || out->C != s->C)) {
        return ppi_fail(PP_ERR_SHAPE, "sampler: frames of %lldx%lldx%lld asked, the data have "
                        "%lldx%lldx%lld", (long long)out->H, (long long)out->W, (long long)out->C,
                        (long long)s->H, (long long)s->W, (long long)s->C);
    }
    return s->ahead.active ? next_ahead(s, step, out) : fill(s, step, out);
}
