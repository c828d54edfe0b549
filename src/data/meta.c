/* Reading and writing metadata.json; spaces and the environment are JSON inside JSON strings. */
#include "data/meta.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

#define OWN_KEY        "polyplay"
#define FORMAT_VERSION "0.5.4"

/* Keys of the file that ppi_meta_write makes itself. */
static const char *const own_keys[] = {
    "total_episodes", "total_steps", "data_format", "jpeg_encoding",  "observation_space",
    "action_space",   "env_spec",    "dataset_id",  "minari_version", "dataset_size",
    "algorithm_name", "action_list", OWN_KEY,
};

static bool is_own_key(const char *key) {
    for (size_t i = 0; i < sizeof own_keys / sizeof own_keys[0]; i++) {
        if (strcmp(key, own_keys[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- writing ---- */

/* The nested list [H][W][C] of one repeated value. */
static void write_bound(ppi_jsonw *w, const int32_t *dims, int rank, int64_t value) {
    if (rank == 0) {
        ppi_jsonw_i64(w, value);
        return;
    }
    ppi_jsonw_array_begin(w);
    for (int32_t i = 0; i < dims[0]; i++) {
        write_bound(w, dims + 1, rank - 1, value);
    }
    ppi_jsonw_array_end(w);
}

/* The bounds of a vector [channels]. */
static void write_vector_bounds(ppi_jsonw *w, const ppi_store_meta *meta, bool high) {
    ppi_jsonw_key(w, high ? "high" : "low");
    ppi_jsonw_array_begin(w);
    for (int32_t i = 0; i < meta->channels; i++) {
        if (meta->obs_type == PP_OBS_FLOAT) {
            ppi_jsonw_raw(w, high ? "Infinity" : "-Infinity");
        } else {
            ppi_jsonw_i64(w, high ? meta->cell_high[i] : 0);
        }
    }
    ppi_jsonw_array_end(w);
}

static void write_observation_space(ppi_buf *out, const ppi_store_meta *meta) {
    const int32_t dims[3] = {meta->height, meta->width, meta->channels};
    const bool frames = ppi_store_has_frames(meta);
    ppi_jsonw w;
    ppi_jsonw_init(&w, out, 0);
    ppi_jsonw_object_begin(&w);
    ppi_jsonw_key_string(&w, "type", "Box");
    ppi_jsonw_key_string(&w, "dtype", meta->obs_type == PP_OBS_FLOAT ? "float32" : "uint8");
    ppi_jsonw_key(&w, "shape");
    ppi_jsonw_array_begin(&w);
    for (int axis = frames ? 0 : 2; axis < 3; axis++) {
        ppi_jsonw_i64(&w, dims[axis]);
    }
    ppi_jsonw_array_end(&w);
    if (frames) {
        ppi_jsonw_key(&w, "low");
        write_bound(&w, dims, 3, 0);
        ppi_jsonw_key(&w, "high");
        write_bound(&w, dims, 3, meta->obs_high);
    } else {
        write_vector_bounds(&w, meta, false);
        write_vector_bounds(&w, meta, true);
    }
    ppi_jsonw_object_end(&w);
}

static void write_action_space(ppi_buf *out, const ppi_store_meta *meta) {
    ppi_jsonw w;
    ppi_jsonw_init(&w, out, 0);
    ppi_jsonw_object_begin(&w);
    ppi_jsonw_key_string(&w, "type", "Discrete");
    ppi_jsonw_key_string(&w, "dtype", "int64");
    ppi_jsonw_key_i64(&w, "start", 0);
    ppi_jsonw_key_i64(&w, "n", meta->actions);
    ppi_jsonw_object_end(&w);
}

static void write_env_spec(ppi_buf *out, const ppi_store_meta *meta) {
    ppi_jsonw w;
    ppi_jsonw_init(&w, out, 0);
    ppi_jsonw_object_begin(&w);
    ppi_jsonw_key_string(&w, "id", meta->env);
    ppi_jsonw_key_string(&w, "entry_point", NULL);
    ppi_jsonw_key_string(&w, "reward_threshold", NULL);
    ppi_jsonw_key_bool(&w, "nondeterministic", false);
    ppi_jsonw_key(&w, "max_episode_steps");
    if (meta->max_steps > 0) {
        ppi_jsonw_i64(&w, meta->max_steps);
    } else {
        ppi_jsonw_null(&w);
    }
    ppi_jsonw_key_bool(&w, "disable_env_checker", false);
    ppi_jsonw_key(&w, "kwargs");
    ppi_jsonw_object_begin(&w);
    ppi_jsonw_object_end(&w);
    ppi_jsonw_key(&w, "additional_wrappers");
    ppi_jsonw_array_begin(&w);
    ppi_jsonw_array_end(&w);
    ppi_jsonw_key_string(&w, "vector_entry_point", NULL);
    ppi_jsonw_object_end(&w);
}

typedef void (*inner_writer)(ppi_buf *out, const ppi_store_meta *meta);

/* A JSON document as a string value. */
static void write_inner(ppi_jsonw *w, const char *key, inner_writer write,
                        const ppi_store_meta *meta) {
    ppi_buf inner = {0};
    write(&inner, meta);
    ppi_jsonw_key_string(w, key, ppi_buf_text(&inner));
    if (inner.failed != PP_OK) {
        w->buf->failed = inner.failed;
    }
    ppi_buf_free(&inner);
}

static const char *const obs_types[] = {[PP_OBS_PLANES] = "planes",
                                        [PP_OBS_IMAGE] = "image",
                                        [PP_OBS_CELLS] = "cells",
                                        [PP_OBS_FLOAT] = "float"};
#define OBS_TYPES ((int)(sizeof obs_types / sizeof obs_types[0]))

/* A bound that may be infinite, which JSON spells as Python does. */
static void write_limit(ppi_jsonw *w, double value) {
    if (isinf(value)) {
        ppi_jsonw_raw(w, value > 0 ? "Infinity" : "-Infinity");
    } else {
        ppi_jsonw_f64(w, value);
    }
}

/* What newer versions say: kinds of observations, tasks and bounds. */
static void write_own_kinds(ppi_jsonw *w, const ppi_store_meta *meta) {
    ppi_jsonw_key_string(w, "obs_type", obs_types[meta->obs_type]);
    if (meta->obs_type == PP_OBS_CELLS) {
        ppi_jsonw_key(w, "cell_high");
        ppi_jsonw_array_begin(w);
        for (int32_t i = 0; i < meta->channels; i++) {
            ppi_jsonw_i64(w, meta->cell_high[i]);
        }
        ppi_jsonw_array_end(w);
    }
    ppi_jsonw_key_bool(w, "parity", meta->parity != 0);
    ppi_jsonw_key_string(w, "reading", meta->reading);
    ppi_jsonw_key(w, "reward_min");
    write_limit(w, meta->reward_min);
    ppi_jsonw_key(w, "reward_max");
    write_limit(w, meta->reward_max);
    ppi_jsonw_key_i64(w, "task_count", meta->task_count);
    ppi_jsonw_key_bool(w, "histories", meta->histories != 0);
    ppi_jsonw_key_string(w, "tasks", meta->tasks);
    ppi_jsonw_key_i64(w, "split_seed", (int64_t)meta->split_seed);
    if (meta->env_task_count > 0) {
        ppi_jsonw_key(w, "env_tasks");
        ppi_jsonw_array_begin(w);
        for (int32_t i = 0; i < meta->env_task_count; i++) {
            ppi_jsonw_i64(w, meta->env_tasks[i]);
        }
        ppi_jsonw_array_end(w);
    }
}

static void write_own(ppi_jsonw *w, const ppi_store_meta *meta) {
    ppi_jsonw_key(w, OWN_KEY);
    ppi_jsonw_object_begin(w);
    ppi_jsonw_key_string(w, "env", meta->env);
    ppi_jsonw_key_string(w, "policy", meta->policy);
    ppi_jsonw_key_string(w, "view", meta->view);
    ppi_jsonw_key_string(w, "backend", meta->backend);
    ppi_jsonw_key_string(w, "backend_version", meta->backend_version);
    ppi_jsonw_key_string(w, "rom_md5", meta->rom_md5);
    ppi_jsonw_key_f64(w, "sticky", meta->sticky);
    ppi_jsonw_key_i64(w, "frame_skip", meta->frame_skip);
    ppi_jsonw_key_i64(w, "max_steps", meta->max_steps);
    ppi_jsonw_key_i64(w, "noop_max", meta->noop_max);
    ppi_jsonw_key_i64(w, "fire_reset", meta->fire_reset);
    ppi_jsonw_key_i64(w, "mode", meta->mode);
    ppi_jsonw_key_i64(w, "difficulty", meta->difficulty);
    ppi_jsonw_key_bool(w, "rewards_clipped", false);
    ppi_jsonw_key(w, "seeds");
    ppi_jsonw_array_begin(w);
    for (int32_t i = 0; i < meta->seed_count; i++) {
        ppi_jsonw_i64(w, (int64_t)meta->seeds[i]);
    }
    ppi_jsonw_array_end(w);
    ppi_jsonw_key_i64(w, "collect_envs", meta->collect_envs);
    ppi_jsonw_key_i64(w, "collect_steps", meta->collect_steps);
    ppi_jsonw_key_i64(w, "collect_base", meta->collect_base);
    write_own_kinds(w, meta);
    ppi_jsonw_object_end(w);
}

/* Copies a parsed value. */
static void write_value(ppi_jsonw *w, const ppi_json *value);

static pp_status write_member(void *context, const char *key, const ppi_json *value) {
    ppi_jsonw *w = context;
    ppi_jsonw_key(w, key);
    write_value(w, value);
    return PP_OK;
}

static void write_value(ppi_jsonw *w, const ppi_json *value) {
    const char *text = NULL;
    int64_t integer = 0;
    double real = 0;
    bool flag = false;
    switch (ppi_json_kind_of(value)) {
    case PPI_JSON_STRING:
        (void)ppi_json_as_string(value, "", &text);
        ppi_jsonw_string(w, text);
        break;
    case PPI_JSON_INT:
        (void)ppi_json_as_i64(value, "", &integer);
        ppi_jsonw_i64(w, integer);
        break;
    case PPI_JSON_REAL:
        (void)ppi_json_as_f64(value, "", &real);
        ppi_jsonw_f64(w, real);
        break;
    case PPI_JSON_BOOL:
        (void)ppi_json_as_bool(value, "", &flag);
        ppi_jsonw_bool(w, flag);
        break;
    case PPI_JSON_ARRAY:
        ppi_jsonw_array_begin(w);
        for (int64_t i = 0; i < ppi_json_count(value); i++) {
            write_value(w, ppi_json_at(value, i));
        }
        ppi_jsonw_array_end(w);
        break;
    case PPI_JSON_OBJECT:
        ppi_jsonw_object_begin(w);
        (void)ppi_json_each(value, write_member, w);
        ppi_jsonw_object_end(w);
        break;
    default:
        ppi_jsonw_null(w);
    }
}

static pp_status write_kept(void *context, const char *key, const ppi_json *value) {
    return is_own_key(key) ? PP_OK : write_member(context, key, value);
}

pp_status ppi_meta_write(ppi_buf *out, const ppi_store_meta *meta, const ppi_meta_counts *counts,
                         const ppi_json *old) {
    ppi_jsonw w;
    ppi_jsonw_init(&w, out, 0);
    ppi_jsonw_object_begin(&w);
    ppi_jsonw_key_i64(&w, "total_episodes", counts->episodes);
    ppi_jsonw_key_i64(&w, "total_steps", counts->steps);
    ppi_jsonw_key_string(&w, "data_format", "hdf5");
    ppi_jsonw_key_bool(&w, "jpeg_encoding", false);
    write_inner(&w, "observation_space", write_observation_space, meta);
    write_inner(&w, "action_space", write_action_space, meta);
    write_inner(&w, "env_spec", write_env_spec, meta);
    ppi_jsonw_key_string(&w, "dataset_id", meta->id);
    ppi_jsonw_key_string(&w, "minari_version", FORMAT_VERSION);
    ppi_jsonw_key_f64(&w, "dataset_size", counts->megabytes);
    ppi_jsonw_key_string(&w, "algorithm_name", meta->policy);
    if (meta->min_actions > 0) {
        ppi_jsonw_key(&w, "action_list");
        ppi_jsonw_array_begin(&w);
        for (int32_t i = 0; i < meta->min_actions; i++) {
            ppi_jsonw_i64(&w, meta->action_list[i]);
        }
        ppi_jsonw_array_end(&w);
    }
    write_own(&w, meta);
    if (old) {
        PPI_TRY(ppi_json_each(old, write_kept, &w));
    }
    ppi_jsonw_object_end(&w);
    PPI_TRY(ppi_jsonw_finish(&w));
    return ppi_buf_append_char(out, '\n');
}

pp_status ppi_meta_header(ppi_buf *out, const ppi_store_meta *meta) {
    const ppi_meta_counts none = {0};
    return ppi_meta_write(out, meta, &none, NULL);
}

/* ---- reading ---- */

static void copy_text(char *out, size_t size, const char *text) {
    size_t length = strnlen(text, size - 1);
    memcpy(out, text, length);
    out[length] = 0;
}

/* Optional members: absent or of another kind leaves the default. */
static void optional_text(const ppi_json *object, const char *key, char *out, size_t size) {
    const ppi_json *value = ppi_json_find(object, key);
    const char *text = NULL;
    if (value && ppi_json_kind_of(value) == PPI_JSON_STRING &&
        ppi_json_as_string(value, key, &text) == PP_OK) {
        copy_text(out, size, text);
    }
}

static int64_t optional_i64(const ppi_json *object, const char *key, int64_t otherwise) {
    const ppi_json *value = ppi_json_find(object, key);
    int64_t number = otherwise;
    if (value && ppi_json_kind_of(value) == PPI_JSON_INT) {
        (void)ppi_json_as_i64(value, key, &number);
    }
    return number;
}

static double optional_f64(const ppi_json *object, const char *key) {
    const ppi_json *value = ppi_json_find(object, key);
    double number = 0;
    if (value &&
        (ppi_json_kind_of(value) == PPI_JSON_INT || ppi_json_kind_of(value) == PPI_JSON_REAL)) {
        (void)ppi_json_as_f64(value, key, &number);
    }
    return number;
}

/* Parses the JSON document inside string member `key`. */
static pp_status inner_document(ppi_json **out, const ppi_json *root, const char *key,
                                const char *what) {
    const char *text = NULL;
    char label[512];
    PPI_TRY(ppi_json_get_string(root, key, &text));
    snprintf(label, sizeof label, "%s: %s", what, key);
    return ppi_json_parse(out, text, strlen(text), label);
}

/* Reads both spaces. With `strict` they must be what polyplay itself records. */
static pp_status parse_spaces(ppi_store_meta *meta, const ppi_meta_counts *counts,
                              ppi_spaces *spaces, bool strict, const ppi_json *root,
                              const char *what) {
    ppi_json *observation = NULL;
    ppi_json *action = NULL;
    int32_t dims[3] = {0, 0, 0};
    pp_status status = inner_document(&observation, root, "observation_space", what);
    if (status == PP_OK) {
        status = inner_document(&action, root, "action_space", what);
    }
    if (status == PP_OK) {
        status = ppi_spaces_parse(spaces, observation, action, counts->jpeg);
    }
    ppi_json_free(observation);
    ppi_json_free(action);
    PPI_TRY(status);
    status = ppi_spaces_frames(spaces, dims);
    if (status == PP_OK) {
        meta->height = dims[0];
        meta->width = dims[1];
        meta->channels = dims[2];
        double high = spaces->leaves[0].high;
        meta->obs_high = high >= 0 && high <= 255 ? (int32_t)high : 255;
        meta->obs_type = meta->obs_high == 1 ? PP_OBS_PLANES : PP_OBS_IMAGE;
    }
    if (status != PP_OK && ppi_spaces_vector(spaces, &meta->channels) == PP_OK) {
        meta->obs_type = PP_OBS_FLOAT;
        status = PP_OK;
    }
    if (status == PP_OK || !strict) {
        status = ppi_spaces_choices(spaces, &meta->actions);
    }
    if (status != PP_OK && !strict) {
        ppi_error_clear(); /* not a failure: the dataset is read leaf by leaf */
        return PP_OK;
    }
    return status;
}

static pp_status parse_action_list(ppi_store_meta *meta, const ppi_json *root) {
    const ppi_json *list = ppi_json_find(root, "action_list");
    if (!list) {
        return PP_OK;
    }
    int64_t count = ppi_json_count(list);
    if (ppi_json_kind_of(list) != PPI_JSON_ARRAY || count < 1 || count > 18) {
        return ppi_fail(PP_ERR_CORRUPT, "action_list: expected a list of 1 to 18 action ids");
    }
    for (int64_t i = 0; i < count; i++) {
        int64_t id = 0;
        PPI_TRY(ppi_json_as_i64(ppi_json_at(list, i), "action_list", &id));
        if (id < 0 || id >= meta->actions) {
            return ppi_fail(PP_ERR_CORRUPT, "action_list: id %lld in a space of %d actions",
                            (long long)id, meta->actions);
        }
        meta->action_list[i] = (int32_t)id;
    }
    meta->min_actions = (int32_t)count;
    return PP_OK;
}

static bool optional_bool(const ppi_json *object, const char *key) {
    const ppi_json *value = ppi_json_find(object, key);
    bool flag = false;
    return value && ppi_json_kind_of(value) == PPI_JSON_BOOL &&
           ppi_json_as_bool(value, key, &flag) == PP_OK && flag;
}

/* The kind of observations, which must fit the space: cells are a vector of bytes. */
static void parse_obs_type(ppi_store_meta *meta, const ppi_json *own) {
    char name[16] = "";
    optional_text(own, "obs_type", name, sizeof name);
    if (meta->obs_type == PP_OBS_FLOAT) {
        return;
    }
    for (int i = 0; i < PP_OBS_FLOAT; i++) {
        meta->obs_type = strcmp(name, obs_types[i]) == 0 ? i : meta->obs_type;
    }
    const ppi_json *high = ppi_json_find(own, "cell_high");
    int64_t count = high ? ppi_json_count(high) : 0;
    if (meta->obs_type != PP_OBS_CELLS) {
        return;
    }
    if (meta->width != 1 || meta->channels != 1 || meta->height != count || count > PP_ENV_CELLS) {
        meta->obs_type = PP_OBS_IMAGE; /* what the space says stands */
        return;
    }
    meta->channels = meta->height;
    meta->height = 1;
    for (int64_t i = 0; i < count; i++) {
        int64_t value = 0;
        (void)ppi_json_as_i64(ppi_json_at(high, i), "cell_high", &value);
        meta->cell_high[i] = value < 0 || value > 255 ? 255 : (int32_t)value;
    }
}

static void parse_own_kinds(ppi_store_meta *meta, const ppi_json *own) {
    parse_obs_type(meta, own);
    meta->parity = optional_bool(own, "parity");
    meta->histories = optional_bool(own, "histories");
    optional_text(own, "reading", meta->reading, sizeof meta->reading);
    optional_text(own, "tasks", meta->tasks, sizeof meta->tasks);
    meta->reward_min = optional_f64(own, "reward_min");
    meta->reward_max = optional_f64(own, "reward_max");
    meta->task_count = optional_i64(own, "task_count", 0);
    meta->split_seed = (uint64_t)optional_i64(own, "split_seed", 0);
    const ppi_json *tasks = ppi_json_find(own, "env_tasks");
    const int64_t count = tasks ? ppi_json_count(tasks) : 0;
    meta->env_task_count = count > 0 && count <= PPI_STORE_ENVS ? (int32_t)count : 0;
    for (int32_t i = 0; i < meta->env_task_count; i++) {
        (void)ppi_json_as_i64(ppi_json_at(tasks, i), "env_tasks", &meta->env_tasks[i]);
    }
}

static void parse_own(ppi_store_meta *meta, const ppi_json *root) {
    const ppi_json *own = ppi_json_find(root, OWN_KEY);
    optional_text(root, "algorithm_name", meta->policy, sizeof meta->policy);
    if (!own) {
        return;
    }
    optional_text(own, "env", meta->env, sizeof meta->env);
    optional_text(own, "policy", meta->policy, sizeof meta->policy);
    optional_text(own, "view", meta->view, sizeof meta->view);
    optional_text(own, "backend", meta->backend, sizeof meta->backend);
    optional_text(own, "backend_version", meta->backend_version, sizeof meta->backend_version);
    optional_text(own, "rom_md5", meta->rom_md5, sizeof meta->rom_md5);
    meta->sticky = optional_f64(own, "sticky");
    meta->frame_skip = (int32_t)optional_i64(own, "frame_skip", 0);
    meta->max_steps = (int32_t)optional_i64(own, "max_steps", 0);
    meta->noop_max = (int32_t)optional_i64(own, "noop_max", 0);
    meta->fire_reset = (int32_t)optional_i64(own, "fire_reset", 0);
    meta->mode = (int32_t)optional_i64(own, "mode", 0);
    meta->difficulty = (int32_t)optional_i64(own, "difficulty", 0);
    meta->collect_envs = optional_i64(own, "collect_envs", 0);
    meta->collect_steps = optional_i64(own, "collect_steps", 0);
    meta->collect_base = optional_i64(own, "collect_base", 0);
    parse_own_kinds(meta, own);
    const ppi_json *seeds = ppi_json_find(own, "seeds");
    for (int64_t i = 0; seeds && i < ppi_json_count(seeds) && i < PPI_STORE_SEEDS; i++) {
        int64_t seed = 0;
        if (ppi_json_as_i64(ppi_json_at(seeds, i), "seeds", &seed) == PP_OK) {
            meta->seeds[meta->seed_count++] = (uint64_t)seed;
        }
    }
}

/* The environment's id out of env_spec, where there is one that can be read. */
static pp_status parse_env(ppi_store_meta *meta, const ppi_json *root, const char *what) {
    ppi_json *spec = NULL;
    const ppi_json *value = ppi_json_find(root, "env_spec");
    if (!value || ppi_json_kind_of(value) != PPI_JSON_STRING) {
        return PP_OK;
    }
    const pp_status status = inner_document(&spec, root, "env_spec", what);
    if (status == PP_OK) {
        optional_text(spec, "id", meta->env, sizeof meta->env);
        ppi_json_free(spec);
    }
    return status == PP_ERR_NO_MEMORY ? status : PP_OK;
}

static pp_status parse_root(ppi_store_meta *meta, ppi_meta_counts *counts, ppi_spaces *spaces,
                            bool strict, const ppi_json *root, const char *what) {
    const char *format = "hdf5";
    if (ppi_json_kind_of(root) != PPI_JSON_OBJECT) {
        return ppi_fail(PP_ERR_CORRUPT, "expected one JSON object");
    }
    PPI_TRY(ppi_json_get_i64(root, "total_episodes", &counts->episodes));
    PPI_TRY(ppi_json_get_i64(root, "total_steps", &counts->steps));
    if (ppi_json_find(root, "data_format")) {
        PPI_TRY(ppi_json_get_string(root, "data_format", &format));
    }
    if (strcmp(format, "hdf5") != 0) {
        return ppi_fail(PP_ERR_UNSUPPORTED,
                        "data_format is %s: the Arrow and Parquet variants are "
                        "not read, only hdf5 (minari combines or converts them)",
                        format);
    }
    counts->jpeg = true;
    if (ppi_json_find(root, "jpeg_encoding")) {
        PPI_TRY(ppi_json_get_bool(root, "jpeg_encoding", &counts->jpeg));
    }
    counts->megabytes = optional_f64(root, "dataset_size");
    optional_text(root, "dataset_id", meta->id, sizeof meta->id);
    PPI_TRY(parse_env(meta, root, what));
    PPI_TRY(parse_spaces(meta, counts, spaces, strict, root, what));
    PPI_TRY(parse_action_list(meta, root));
    parse_own(meta, root);
    counts->own = ppi_json_find(root, OWN_KEY) != NULL;
    if (meta->env[0] == 0) {
        copy_text(meta->env, sizeof meta->env, meta->id);
    }
    if (meta->obs_type == PP_OBS_FLOAT) {
        meta->height = meta->width = 1;
    }
    return PP_OK;
}

static pp_status parse_text(ppi_store_meta *meta, ppi_meta_counts *counts, ppi_spaces *spaces,
                            bool strict, const char *text, size_t size, const char *what) {
    ppi_json *root = NULL;
    memset(meta, 0, sizeof *meta);
    memset(counts, 0, sizeof *counts);
    PPI_TRY(ppi_json_parse(&root, text, size, what));
    pp_status status = parse_root(meta, counts, spaces, strict, root, what);
    ppi_json_free(root);
    if (status == PP_ERR_NOT_FOUND) {
        status = PP_ERR_CORRUPT;
    }
    return ppi_fail_context(status, "%s", what);
}

pp_status ppi_meta_parse(ppi_store_meta *meta, ppi_meta_counts *counts, const char *text,
                         size_t size, const char *what) {
    ppi_spaces spaces = {0};
    pp_status status = parse_text(meta, counts, &spaces, true, text, size, what);
    ppi_spaces_free(&spaces);
    return status;
}

pp_status ppi_meta_load(ppi_store_meta *meta, ppi_meta_counts *counts, const char *path) {
    char *text = NULL;
    size_t size = 0;
    PPI_TRY(ppi_file_read_all(path, &text, &size));
    pp_status status = ppi_meta_parse(meta, counts, text, size, path);
    ppi_free(text);
    return status;
}

pp_status ppi_meta_load_spaces(ppi_store_meta *meta, ppi_meta_counts *counts, ppi_spaces *spaces,
                               const char *path) {
    char *text = NULL;
    size_t size = 0;
    memset(spaces, 0, sizeof *spaces);
    PPI_TRY(ppi_file_read_all(path, &text, &size));
    pp_status status = parse_text(meta, counts, spaces, false, text, size, path);
    ppi_free(text);
    return status;
}
