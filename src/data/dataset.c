/* Opening datasets and reading their columns and frames; see dataset.h. */
#include "data/dataset.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/gz.h"
#include "base/log.h"
#include "base/mem.h"
#include "data/dataset_internal.h"
#include "data/h5file.h"
#include "data/journal.h"
#include "data/meta.h"

/* ---- names ---- */

static pp_status minari_root(char *out, size_t size) {
    const char *root = getenv("MINARI_DATASETS_PATH");
    if (root && root[0]) {
        return ppi_path_join(out, size, root);
    }
    const char *home = getenv("HOME");
    return ppi_path_join(out, size, home && home[0] ? home : ".", ".minari", "datasets");
}

/* True when `folder` holds a dataset or the journal of one. */
static bool is_dataset(const char *folder) {
    char path[PPI_PATH_SIZE];
    return (ppi_path_join(path, sizeof path, folder, "data", PPI_STORE_META_FILE) == PP_OK &&
            ppi_file_exists(path)) ||
           (ppi_journal_path(path, sizeof path, folder) == PP_OK && ppi_file_exists(path));
}

/* The dataset folder that `name` means. */
static pp_status resolve(char *folder, size_t size, const char *name) {
    char root[PPI_PATH_SIZE];
    char path[PPI_PATH_SIZE];
    PPI_TRY(ppi_path_join(folder, size, name));
    size_t length = strlen(folder);
    while (length > 1 && folder[length - 1] == '/') {
        folder[--length] = 0;
    }
    if (is_dataset(folder)) {
        return PP_OK;
    }
    PPI_TRY(ppi_path_join(path, sizeof path, folder, PPI_STORE_META_FILE));
    if (ppi_file_exists(path) && strcmp(ppi_path_base(folder), "data") == 0) {
        PPI_TRY(ppi_path_dir(path, sizeof path, folder));
        return ppi_path_join(folder, size, path);
    }
    PPI_TRY(minari_root(root, sizeof root));
    PPI_TRY(ppi_path_join(path, sizeof path, root, name));
    if (is_dataset(path)) {
        return ppi_path_join(folder, size, path);
    }
    return ppi_fail(PP_ERR_NOT_FOUND,
                    "dataset %s: no data/%s in %s nor in %s (set MINARI_DATASETS_PATH, or name the "
                    "folder)", name, PPI_STORE_META_FILE, folder, path);
}

/* ---- columns ---- */

/* Room for `steps` more rows in the columns. */
static pp_status reserve_rows(ppi_dataset *d, int64_t steps) {
    int64_t want = d->info.steps + steps;
    if (want <= d->row_capacity) {
        return PP_OK;
    }
    int64_t capacity = d->row_capacity + d->row_capacity / 2;
    capacity = capacity > want ? capacity : want;
    int64_t bytes = capacity * PPI_DATASET_ROW_BYTES;
    if (d->column_limit > 0 && want * PPI_DATASET_ROW_BYTES > d->column_limit) {
        return ppi_fail(PP_ERR_NO_MEMORY, "%s: actions, rewards and flags take more than the %lld "
                        "bytes allowed; raise data.memory", d->folder, (long long)d->column_limit);
    }
    if (d->column_limit > 0 && bytes > d->column_limit) {
        capacity = want;
    }
    int32_t *actions = ppi_realloc(d->actions, (size_t)capacity * sizeof *actions);
    d->actions = actions ? actions : d->actions;
    float *rewards = ppi_realloc(d->rewards, (size_t)capacity * sizeof *rewards);
    d->rewards = rewards ? rewards : d->rewards;
    uint8_t *flags = ppi_realloc(d->flags, (size_t)capacity);
    d->flags = flags ? flags : d->flags;
    if (!actions || !rewards || !flags) {
        return ppi_oom("the columns of a dataset");
    }
    d->row_capacity = capacity;
    return PP_OK;
}

static pp_status add_episode(ppi_dataset *d, const ppi_episode *episode) {
    if (d->info.episodes == d->episode_capacity) {
        int64_t capacity = d->episode_capacity ? d->episode_capacity * 2 : 64;
        ppi_episode *grown = ppi_realloc(d->episodes, (size_t)capacity * sizeof *grown);
        if (!grown) {
            return ppi_oom("the episode table");
        }
        d->episodes = grown;
        d->episode_capacity = capacity;
    }
    d->episodes[d->info.episodes++] = *episode;
    return PP_OK;
}

/* Opens one column of a group and checks its rank, length and type. */
static pp_status open_column(ppi_dataset *d, ppi_h5_data **out, int64_t group, const char *name,
                             int64_t rows, unsigned types) {
    char path[128];
    snprintf(path, sizeof path, "episode_%lld/%s", (long long)group, name);
    PPI_TRY(ppi_h5_data_open(out, d->file, path));
    const ppi_h5_shape *shape = ppi_h5_data_shape(*out);
    pp_status status = PP_OK;
    if (shape->rank != 1) {
        status = ppi_fail(PP_ERR_SHAPE, "%s: %s has %d axes, expected 1", d->data_path, path,
                          shape->rank);
    } else if (rows >= 0 && shape->dims[0] != rows) {
        status = ppi_fail(PP_ERR_SHAPE, "%s: %s has %lld rows, expected %lld", d->data_path, path,
                          (long long)shape->dims[0], (long long)rows);
    } else if (!(types & (1u << shape->type))) {
        status = ppi_fail(PP_ERR_SHAPE, "%s: %s has the wrong element type", d->data_path, path);
    }
    if (status != PP_OK) {
        ppi_h5_data_close(*out);
        *out = NULL;
    }
    return status;
}

#define TYPE_BIT(type) (1u << (type))
#define INTEGERS (TYPE_BIT(PPI_H5_U8) | TYPE_BIT(PPI_H5_I32) | TYPE_BIT(PPI_H5_I64) | \
                  TYPE_BIT(PPI_H5_INT))
#define FLOATS (TYPE_BIT(PPI_H5_F32) | TYPE_BIT(PPI_H5_F64) | TYPE_BIT(PPI_H5_FLOAT))
#define FLAGS (TYPE_BIT(PPI_H5_BOOL) | INTEGERS)

static pp_status read_column(ppi_dataset *d, int64_t group, const char *name, int64_t rows,
                             unsigned types, ppi_h5_type as, void *out) {
    ppi_h5_data *column = NULL;
    PPI_TRY(open_column(d, &column, group, name, rows, types));
    ppi_h5_type stored = ppi_h5_data_shape(column)->type;
    if (as == PPI_H5_BOOL && stored != PPI_H5_BOOL) {
        as = PPI_H5_U8;
    }
    pp_status status = ppi_h5_data_read(column, 0, rows, as, out);
    ppi_h5_data_close(column);
    return status;
}

/* The observations must be uint8 [steps+1, H, W, C], axes of length 1 at the end left out or not. */
static pp_status check_observations(ppi_dataset *d, int64_t group, int64_t steps,
                                    ppi_h5_data *data) {
    const ppi_h5_shape *shape = ppi_h5_data_shape(data);
    int64_t frame = 1;
    for (int axis = 1; axis < shape->rank; axis++) {
        if (shape->dims[axis] < 1 || shape->dims[axis] > d->frame_bytes) {
            frame = -1;
            break;
        }
        frame *= shape->dims[axis];
    }
    const char *file = d->data_path;
    if (d->jpeg) {
        return ppi_fail(PP_ERR_UNSUPPORTED, "%s: observations are stored as JPEG (lossy), which is "
                        "not read; write the dataset with jpeg_encoding false", file);
    }
    if (shape->type != PPI_H5_U8 && shape->type != PPI_H5_BOOL) {
        return ppi_fail(PP_ERR_SHAPE, "%s: episode_%lld/observations: the element type is not uint8",
                        file, (long long)group);
    }
    if (frame != d->frame_bytes) {
        return ppi_fail(PP_ERR_SHAPE, "%s: episode_%lld/observations: frames of %lld values, "
                        "expected %dx%dx%d", file, (long long)group, (long long)frame,
                        d->info.height, d->info.width, d->info.channels);
    }
    if (shape->dims[0] != steps + 1) {
        return ppi_fail(PP_ERR_SHAPE, "%s: episode_%lld/observations has %lld rows, expected %lld",
                        file, (long long)group, (long long)shape->dims[0], (long long)steps + 1);
    }
    return PP_OK;
}

static pp_status check_group_frames(ppi_dataset *d, int64_t group, int64_t steps) {
    char path[128];
    ppi_h5_data *data = NULL;
    snprintf(path, sizeof path, "episode_%lld/observations", (long long)group);
    PPI_TRY(ppi_h5_data_open(&data, d->file, path));
    pp_status status = check_observations(d, group, steps, data);
    int64_t rows = ppi_h5_data_shape(data)->chunk_rows;
    if (d->block_rows == 0) {
        d->block_rows = rows >= 1 && rows <= PPI_DATASET_MAX_BLOCK ? rows : PPI_STORE_FRAME_ROWS;
    }
    ppi_h5_data_close(data);
    return status;
}

/* Adds the episodes of one group: it is split where a flag ends an inner episode. */
static pp_status split_group(ppi_dataset *d, int64_t group, uint64_t seed, int64_t steps,
                             const double *rewards) {
    int64_t base = d->info.steps;
    int64_t first = 0;
    for (int64_t t = 0; t < steps; t++) {
        uint8_t flags = d->flags[base + t];
        if (flags == 0 && t + 1 < steps) {
            continue;
        }
        ppi_episode episode = {.group = group, .first_frame = first, .row = base + first};
        episode.info = (pp_episode_info){.steps = t + 1 - first,
                                         .seed = seed,
                                         .terminated = (flags & PPI_STEP_TERMINATED) != 0,
                                         .truncated = (flags & PPI_STEP_TRUNCATED) != 0,
                                         .cut = flags == 0};
        for (int64_t i = first; i <= t; i++) {
            double reward = rewards[i];
            episode.info.reward_sum += reward;
            episode.info.clipped_sum += reward > 1 ? 1 : reward < -1 ? -1 : reward;
        }
        PPI_TRY(add_episode(d, &episode));
        first = t + 1;
    }
    d->info.steps += steps;
    return PP_OK;
}

static pp_status check_values(ppi_dataset *d, int64_t group, int64_t steps, const double *rewards) {
    for (int64_t t = 0; t < steps; t++) {
        int32_t action = d->actions[d->info.steps + t];
        if (action < 0 || action >= d->info.actions) {
            return ppi_fail(PP_ERR_CORRUPT,
                            "%s: episode_%lld/actions: row %lld is %d, expected 0 to %d",
                            d->data_path, (long long)group, (long long)t, action,
                            d->info.actions - 1);
        }
        if (!(rewards[t] > -1e30 && rewards[t] < 1e30)) {
            return ppi_fail(PP_ERR_CORRUPT, "%s: episode_%lld/rewards: row %lld is not finite",
                            d->data_path, (long long)group, (long long)t);
        }
    }
    return PP_OK;
}

/* Scratch of the loader, grown to the longest group. */
typedef struct scratch {
    double *rewards;
    uint8_t *flags;
    int64_t capacity;
} scratch;

static pp_status grow_scratch(scratch *s, int64_t steps) {
    if (steps <= s->capacity) {
        return PP_OK;
    }
    double *rewards = ppi_realloc(s->rewards, (size_t)steps * sizeof *rewards);
    s->rewards = rewards ? rewards : s->rewards;
    uint8_t *flags = ppi_realloc(s->flags, (size_t)steps);
    s->flags = flags ? flags : s->flags;
    if (!rewards || !flags) {
        return ppi_oom("the columns of an episode");
    }
    s->capacity = steps;
    return PP_OK;
}

static pp_status load_columns(ppi_dataset *d, scratch *s, int64_t group, int64_t steps) {
    int64_t base = d->info.steps;
    PPI_TRY(read_column(d, group, "actions", steps, INTEGERS, PPI_H5_I32, d->actions + base));
    PPI_TRY(read_column(d, group, "rewards", steps, FLOATS, PPI_H5_F64, s->rewards));
    PPI_TRY(read_column(d, group, "terminations", steps, FLAGS, PPI_H5_BOOL, s->flags));
    for (int64_t t = 0; t < steps; t++) {
        d->rewards[base + t] = (float)s->rewards[t];
        d->flags[base + t] = s->flags[t] ? PPI_STEP_TERMINATED : 0;
    }
    PPI_TRY(read_column(d, group, "truncations", steps, FLAGS, PPI_H5_BOOL, s->flags));
    for (int64_t t = 0; t < steps; t++) {
        d->flags[base + t] |= s->flags[t] ? PPI_STEP_TRUNCATED : 0;
    }
    return check_values(d, group, steps, s->rewards);
}

static pp_status load_group(ppi_dataset *d, scratch *s, int64_t group) {
    char object[64];
    int64_t steps = 0;
    int64_t seed = 0;
    bool found = false;
    snprintf(object, sizeof object, "episode_%lld", (long long)group);
    PPI_TRY(ppi_h5_attr_read_i64(d->file, object, "total_steps", &steps, &found));
    if (!found) {
        return ppi_fail(PP_ERR_CORRUPT, "%s: %s has no attribute total_steps", d->data_path, object);
    }
    /* A row takes at least a thousandth of a byte in the file, whatever the filter. */
    if (steps < 0 || steps / 1024 > d->file_bytes) {
        return ppi_fail(PP_ERR_CORRUPT, "%s: %s has total_steps %lld", d->data_path, object,
                        (long long)steps);
    }
    if (steps == 0) {
        return PP_OK;
    }
    PPI_TRY(ppi_h5_attr_read_i64(d->file, object, "seed", &seed, &found));
    PPI_TRY(check_group_frames(d, group, steps));
    PPI_TRY(reserve_rows(d, steps));
    PPI_TRY(grow_scratch(s, steps));
    PPI_TRY(load_columns(d, s, group, steps));
    return split_group(d, group, (uint64_t)seed, steps, s->rewards);
}

static pp_status load_groups(ppi_dataset *d, int64_t expected) {
    int64_t *numbers = NULL;
    int64_t count = 0;
    scratch s = {0};
    PPI_TRY(ppi_h5_numbered(d->file, "episode_", &numbers, &count));
    pp_status status = PP_OK;
    if (count < expected) {
        status = ppi_fail(PP_ERR_CORRUPT, "%s: %lld episode groups, total_episodes in %s says %lld",
                          d->data_path, (long long)count, PPI_STORE_META_FILE, (long long)expected);
    }
    for (int64_t i = 0; i < count && status == PP_OK; i++) {
        status = load_group(d, &s, numbers[i]);
    }
    ppi_free(s.rewards);
    ppi_free(s.flags);
    ppi_free(numbers);
    if (status == PP_OK && d->info.episodes == 0) {
        status = ppi_fail(PP_ERR_NOT_FOUND, "%s: the dataset has zero episodes", d->folder);
    }
    return status;
}

/* ---- open and close ---- */

static void fill_info(ppi_dataset *d) {
    const ppi_store_meta *meta = &d->meta;
    pp_dataset_info *info = &d->info;
    snprintf(info->id, sizeof info->id, "%s", meta->id);
    snprintf(info->env, sizeof info->env, "%s", meta->env);
    info->height = meta->height;
    info->width = meta->width;
    info->channels = meta->channels;
    info->actions = meta->actions;
    info->min_actions = meta->min_actions;
    memcpy(info->action_list, meta->action_list, sizeof info->action_list);
    d->frame_bytes = (int64_t)ppi_store_frame_bytes(meta);
}

static pp_status open_folder(ppi_dataset *d) {
    char meta_path[PPI_PATH_SIZE];
    ppi_meta_counts counts;
    int64_t recovered = 0;
    PPI_TRY(ppi_journal_recover(d->folder, &recovered));
    if (recovered > 0) {
        ppi_log(PPI_LOG_WARN, "%s: an interrupted collection left %lld finished episodes, now in "
                "the data file; collect --resume continues it", d->folder, (long long)recovered);
    }
    PPI_TRY(ppi_path_join(meta_path, sizeof meta_path, d->folder, "data", PPI_STORE_META_FILE));
    PPI_TRY(ppi_path_join(d->data_path, sizeof d->data_path, d->folder, "data",
                          PPI_STORE_DATA_FILE));
    if (!ppi_file_exists(meta_path)) {
        return ppi_fail(PP_ERR_NOT_FOUND, "%s: a collection has begun but no episode is finished "
                        "yet (zero episodes)", d->folder);
    }
    PPI_TRY(ppi_meta_load(&d->meta, &counts, meta_path));
    d->jpeg = counts.jpeg && d->meta.height >= 32 && d->meta.width >= 32;
    fill_info(d);
    PPI_TRY(ppi_file_size(d->data_path, &d->file_bytes));
    if (d->file_bytes == 0) {
        return ppi_fail(PP_ERR_NOT_FOUND, "%s: the dataset has zero episodes (empty data file)",
                        d->folder);
    }
    PPI_TRY(ppi_h5_open(&d->file, d->data_path));
    return load_groups(d, counts.episodes);
}

pp_status ppi_dataset_open_bounded(ppi_dataset **out, const char *name, int64_t column_bytes) {
    *out = NULL;
    ppi_dataset *d = ppi_calloc(1, sizeof *d);
    if (!d) {
        return ppi_oom("a dataset");
    }
    d->column_limit = column_bytes;
    pthread_mutex_init(&d->mutex, NULL);
    pp_status status = resolve(d->folder, sizeof d->folder, name);
    if (status == PP_OK) {
        status = open_folder(d);
    }
    if (status != PP_OK) {
        ppi_dataset_close(d);
        return status;
    }
    *out = d;
    return PP_OK;
}

pp_status ppi_dataset_open(ppi_dataset **out, const char *name) {
    return ppi_dataset_open_bounded(out, name, 0);
}

pp_status pp_dataset_open(pp_dataset **out, const char *name) {
    if (!out || !name) {
        return ppi_fail(PP_ERR_ARGUMENT, "pp_dataset_open: NULL argument");
    }
    return ppi_dataset_open_bounded(out, name, 0);
}

void ppi_dataset_close(ppi_dataset *d) {
    if (!d) {
        return;
    }
    for (int i = 0; i < PPI_DATASET_HANDLES; i++) {
        ppi_h5_data_close(d->handles[i].data);
    }
    (void)ppi_h5_close(d->file);
    ppi_free(d->packed);
    ppi_free(d->spare);
    ppi_free(d->actions);
    ppi_free(d->rewards);
    ppi_free(d->flags);
    ppi_free(d->episodes);
    pthread_mutex_destroy(&d->mutex);
    ppi_free(d);
}

void pp_dataset_close(pp_dataset *dataset) {
    ppi_dataset_close(dataset);
}

/* ---- lists ---- */

typedef struct open_list {
    ppi_dataset **items;
    int count;
    int64_t column_bytes;
} open_list;

static pp_status list_add(open_list *list, const char *name) {
    ppi_dataset **grown =
        ppi_realloc(list->items, (size_t)(list->count + 1) * sizeof *list->items);
    if (!grown) {
        return ppi_oom("a list of datasets");
    }
    list->items = grown;
    PPI_TRY(ppi_dataset_open_bounded(&list->items[list->count], name, list->column_bytes));
    list->count++;
    return PP_OK;
}

/* Opens the datasets that a pattern matches; *matches counts them. */
static pp_status list_glob(open_list *list, const char *pattern, int *matches) {
    glob_t found;
    *matches = 0;
    int result = glob(pattern, GLOB_BRACE, NULL, &found);
    if (result == GLOB_NOMATCH) {
        return PP_OK;
    }
    if (result != 0) {
        return ppi_fail(PP_ERR_IO, "dataset %s: the pattern could not be expanded", pattern);
    }
    pp_status status = PP_OK;
    for (size_t i = 0; i < found.gl_pathc && status == PP_OK; i++) {
        if (is_dataset(found.gl_pathv[i])) {
            status = list_add(list, found.gl_pathv[i]);
            ++*matches;
        }
    }
    globfree(&found);
    return status;
}

static pp_status list_entry(open_list *list, const char *entry) {
    char root[PPI_PATH_SIZE];
    char pattern[PPI_PATH_SIZE];
    int matches = 0;
    if (!strpbrk(entry, "*?[{")) {
        return list_add(list, entry);
    }
    PPI_TRY(list_glob(list, entry, &matches));
    if (matches == 0) {
        PPI_TRY(minari_root(root, sizeof root));
        PPI_TRY(ppi_path_join(pattern, sizeof pattern, root, entry));
        PPI_TRY(list_glob(list, pattern, &matches));
    }
    return matches > 0 ? PP_OK
                       : ppi_fail(PP_ERR_NOT_FOUND, "dataset %s: the pattern matches no dataset",
                                  entry);
}

pp_status ppi_dataset_open_list(ppi_dataset ***out, int *count, const char *names,
                                int64_t column_bytes) {
    open_list list = {.column_bytes = column_bytes};
    pp_status status = PP_OK;
    *out = NULL;
    *count = 0;
    char *copy = ppi_strdup(names);
    if (!copy) {
        return ppi_oom("a list of datasets");
    }
    char *save = NULL;
    for (char *entry = strtok_r(copy, ",", &save); entry && status == PP_OK;
         entry = strtok_r(NULL, ",", &save)) {
        status = list_entry(&list, entry);
    }
    ppi_free(copy);
    if (status == PP_OK && list.count == 0) {
        status = ppi_fail(PP_ERR_ARGUMENT, "no dataset named: the list is empty");
    }
    if (status != PP_OK) {
        ppi_dataset_close_list(list.items, list.count);
        return status;
    }
    *out = list.items;
    *count = list.count;
    return PP_OK;
}

void ppi_dataset_close_list(ppi_dataset **datasets, int count) {
    for (int i = 0; i < count; i++) {
        ppi_dataset_close(datasets[i]);
    }
    ppi_free(datasets);
}
