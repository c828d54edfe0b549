/* Writing checkpoint folders. */
#include "run/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "run/checkpoint_internal.h"
#include "tensor/safetensors.h"

/* --- tensors ---------------------------------------------------------------------------------- */

static pp_status fill_tensor(ppi_st_tensor *t, const char *prefix, const ppi_param *p,
                             const float *block) {
    if (snprintf(t->name, sizeof t->name, "%s%s", prefix, p->name) >= (int)sizeof t->name) {
        return ppi_fail(PP_ERR_ARGUMENT, "the parameter name '%s' is too long", p->name);
    }
    snprintf(t->dtype, sizeof t->dtype, "F32");
    t->ndim = p->shape.ndim;
    for (int d = 0; d < t->ndim; d++) t->shape[d] = p->shape.dim[d];
    t->data = block + p->offset;
    t->bytes = (size_t)p->count * sizeof(float);
    return PP_OK;
}

/* Adds one file to the manifest: size, checksum, and a CRC per tensor so that damage can be named.
 */
static pp_status add_file(ppi_jsonw *manifest, const char *folder, const char *name,
                          const ppi_st_tensor *tensors, int n) {
    char path[PPI_PATH_SIZE];
    char sha[PPI_SHA256_HEX_SIZE];
    int64_t size = 0;
    PPI_TRY(ppi_path_join(path, sizeof path, folder, name));
    PPI_TRY(ppi_file_size(path, &size));
    PPI_TRY(ppi_sha256_file(sha, path));
    ppi_jsonw_key(manifest, name);
    ppi_jsonw_object_begin(manifest);
    ppi_jsonw_key_i64(manifest, "size", size);
    ppi_jsonw_key_string(manifest, "sha256", sha);
    if (n > 0) {
        ppi_jsonw_key(manifest, "crc32c");
        ppi_jsonw_object_begin(manifest);
        for (int i = 0; i < n; i++) {
            ppi_jsonw_key_i64(manifest, tensors[i].name,
                              ppi_crc32c(0, tensors[i].data, tensors[i].bytes));
        }
        ppi_jsonw_object_end(manifest);
    }
    ppi_jsonw_object_end(manifest);
    return PP_OK;
}

static pp_status write_tensors(const char *folder, const char *name, const ppi_st_tensor *tensors,
                               int n, ppi_jsonw *manifest) {
    static const ppi_st_meta meta[] = {{"format", "polyplay"}};
    char path[PPI_PATH_SIZE];
    PPI_TRY(ppi_path_join(path, sizeof path, folder, name));
    PPI_TRY(ppi_safetensors_write(path, tensors, n, meta, 1, NULL));
    return add_file(manifest, folder, name, tensors, n);
}

static pp_status write_params(const char *folder, const ppi_params *p, ppi_jsonw *manifest) {
    static const char *const slot_prefix[2] = {"m/", "v/"};
    ppi_st_tensor *t = ppi_calloc((size_t)p->count * 2 + 1, sizeof *t);
    if (t == NULL) return ppi_oom("the tensor table");
    pp_status s = PP_OK;
    for (int i = 0; i < p->count && s == PP_OK; i++)
        s = fill_tensor(&t[i], "", &p->item[i], p->master);
    if (s == PP_OK) s = write_tensors(folder, "model.safetensors", t, p->count, manifest);
    int n = 0;
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < p->count && s == PP_OK && p->slot[k] != NULL; i++) {
            s = fill_tensor(&t[n++], slot_prefix[k], &p->item[i], p->slot[k]);
        }
    }
    if (s == PP_OK && n > 0) s = write_tensors(folder, "optimizer.safetensors", t, n, manifest);
    ppi_free(t);
    return s;
}

/* --- JSON files ------------------------------------------------------------------------------- */

static pp_status write_json(const char *folder, const char *name, ppi_jsonw *w,
                            ppi_jsonw *manifest) {
    char path[PPI_PATH_SIZE];
    ppi_jsonw_object_end(w);
    pp_status s = ppi_jsonw_finish(w);
    if (s == PP_OK) s = ppi_buf_append_char(w->buf, '\n');
    if (s == PP_OK) s = ppi_path_join(path, sizeof path, folder, name);
    if (s == PP_OK) s = ppi_file_write_atomic(path, w->buf->data, w->buf->len);
    if (s == PP_OK && manifest != NULL) s = add_file(manifest, folder, name, NULL, 0);
    ppi_buf_free(w->buf);
    return s;
}

static void begin_json(ppi_jsonw *w, ppi_buf *buf) {
    ppi_jsonw_init(w, buf, 1);
    ppi_jsonw_object_begin(w);
}

static void write_numbers(ppi_jsonw *w, const char *key, const int32_t *value, int count) {
    ppi_jsonw_key(w, key);
    ppi_jsonw_array_begin(w);
    for (int i = 0; i < count; i++) ppi_jsonw_i64(w, value[i]);
    ppi_jsonw_array_end(w);
}

static void write_observation_kind(ppi_jsonw *w, const ppi_obs_spec *obs) {
    ppi_jsonw_key_i64(w, "kind", obs->type);
    write_numbers(w, "high", obs->high, PP_ENV_CELLS);
}

/* What an agent chooses among, and for an online one the task it was trained on. */
static void write_actions(ppi_jsonw *w, const ppi_checkpoint_state *state) {
    write_numbers(w, "actions", state->actions.list, state->actions.count);
    if (state->histories) {
        ppi_jsonw_key_bool(w, "histories", true);
    } else {
        ppi_jsonw_key_i64(w, "task", state->task);
    }
}

static pp_status write_config(const char *folder, const ppi_checkpoint_state *state,
                              const ppi_agent *agent, const ppi_options *options,
                              ppi_jsonw *manifest) {
    ppi_buf buf = {0};
    ppi_jsonw w;
    begin_json(&w, &buf);
    ppi_jsonw_key_i64(&w, "format", PPI_CHECKPOINT_FORMAT);
    ppi_jsonw_key_string(&w, "method", agent->method->name);
    ppi_jsonw_key_string(&w, "size", agent->cfg.size);
    ppi_jsonw_key_i64(&w, "parameters", agent->params->n_real);
    ppi_jsonw_key_string(&w, "dtype", state->policy == PPI_DTYPE_POLICY_BF16 ? "bf16" : "f32");
    ppi_jsonw_key(&w, "observation");
    ppi_jsonw_object_begin(&w);
    ppi_jsonw_key_string(&w, "view", state->obs.view);
    ppi_jsonw_key_i64(&w, "height", state->obs.h);
    ppi_jsonw_key_i64(&w, "width", state->obs.w);
    ppi_jsonw_key_i64(&w, "channels", state->obs.c);
    if (state->online || state->histories) write_observation_kind(&w, &state->obs);
    ppi_jsonw_object_end(&w);
    if (state->online || state->histories) write_actions(&w, state);
    ppi_jsonw_key(&w, "options");
    const pp_status s = ppi_options_write_json(options, &w);
    if (s != PP_OK) {
        ppi_buf_free(&buf);
        return s;
    }
    return write_json(folder, "config.json", &w, manifest);
}

static pp_status write_stats(const char *folder, const ppi_checkpoint_state *state,
                             ppi_jsonw *manifest) {
    ppi_buf buf = {0};
    ppi_jsonw w;
    begin_json(&w, &buf);
    ppi_jsonw_key(&w, "games");
    ppi_jsonw_array_begin(&w);
    for (int64_t i = 0; i < state->n_games; i++) {
        ppi_jsonw_object_begin(&w);
        ppi_jsonw_key_string(&w, "env", state->games[i]);
        ppi_jsonw_key_f64(&w, "data_mean_return", state->game_return[i]);
        if (state->board[i][0] > 0) write_numbers(&w, "board", state->board[i], 3);
        ppi_jsonw_object_end(&w);
    }
    ppi_jsonw_array_end(&w);
    if (state->trained_on != NULL) {
        ppi_jsonw_key(&w, "trained_on");
        ppi_trained_on_write(state->trained_on, &w);
    } else {
        ppi_jsonw_key_string(&w, "actions", "full joystick ids 0..17");
    }
    return write_json(folder, "stats.json", &w, manifest);
}

static pp_status write_trainer(const char *folder, const ppi_checkpoint_state *state,
                               ppi_jsonw *manifest) {
    char seed[32];
    snprintf(seed, sizeof seed, "%" PRIu64, state->seed);
    ppi_buf buf = {0};
    ppi_jsonw w;
    begin_json(&w, &buf);
    ppi_jsonw_key_i64(&w, "step", state->step);
    ppi_jsonw_key_i64(&w, "lr_step", state->step);
    ppi_jsonw_key(&w, "rng"); /* every stream is a pure function of (seed, purpose, step) */
    ppi_jsonw_object_begin(&w);
    ppi_jsonw_key_string(&w, "seed", seed);
    ppi_jsonw_key_i64(&w, "sampler", state->step);
    ppi_jsonw_key_i64(&w, "augment", state->step);
    ppi_jsonw_key_i64(&w, "dropout", state->step);
    ppi_jsonw_object_end(&w);
    ppi_jsonw_key_i64(&w, "data_cursor", state->step);
    ppi_jsonw_key_i64(&w, "agent_steps", state->agent_steps);
    ppi_jsonw_key_i64(&w, "emulator_frames", state->emulator_frames);
    ppi_jsonw_key_f64(&w, "best_score", state->best_score); /* null while there is none */
    ppi_jsonw_key_i64(&w, "best_step", state->best_step);
    ppi_jsonw_key_f64(&w, "loss_scale", 1.0);
    ppi_jsonw_key_f64(&w, "wall", state->wall);
    return write_json(folder, "trainer_state.json", &w, manifest);
}

static pp_status write_learner(const char *folder, const ppi_checkpoint_state *state,
                               ppi_jsonw *manifest) {
    char path[PPI_PATH_SIZE];
    PPI_TRY(ppi_path_join(path, sizeof path, folder, PPI_CHECKPOINT_LEARNER));
    PPI_TRY(ppi_file_write_atomic(path, state->learner->data, state->learner->len));
    return add_file(manifest, folder, PPI_CHECKPOINT_LEARNER, NULL, 0);
}

static pp_status write_folder(const char *folder, const ppi_checkpoint_state *state,
                              ppi_agent *agent, const ppi_options *options) {
    ppi_buf buf = {0};
    ppi_jsonw manifest;
    begin_json(&manifest, &buf);
    ppi_jsonw_key(&manifest, "files");
    ppi_jsonw_object_begin(&manifest);
    pp_status s = write_config(folder, state, agent, options, &manifest);
    if (s == PP_OK) s = write_params(folder, agent->params, &manifest);
    if (s == PP_OK) s = write_stats(folder, state, &manifest);
    if (s == PP_OK) s = write_trainer(folder, state, &manifest);
    if (s == PP_OK && state->learner != NULL) s = write_learner(folder, state, &manifest);
    ppi_jsonw_object_end(&manifest);
    if (s == PP_OK) return write_json(folder, "manifest.json", &manifest, NULL);
    ppi_buf_free(&buf);
    return s;
}

/* --- folders ---------------------------------------------------------------------------------- */

void ppi_checkpoint_name(char *name, int64_t step) {
    snprintf(name, PPI_CHECKPOINT_NAME_SIZE, "step_%08" PRId64, step);
}

bool ppi_checkpoint_step_of(const char *name, int64_t *step) {
    char *end = NULL;
    if (strncmp(name, "step_", 5) != 0 || name[5] < '0' || name[5] > '9') return false;
    *step = strtoll(name + 5, &end, 10);
    return *end == '\0';
}

static int by_step_down(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

pp_status ppi_checkpoint_steps(const char *checkpoints, int64_t **steps, int64_t *count) {
    *steps = NULL;
    *count = 0;
    if (!ppi_dir_exists(checkpoints)) return PP_OK;
    ppi_dir_listing list = {0};
    PPI_TRY(ppi_dir_list(checkpoints, &list));
    *steps = ppi_calloc((size_t)list.count + 1, sizeof **steps);
    for (int64_t i = 0; *steps != NULL && i < list.count; i++) {
        int64_t step = 0;
        if (ppi_checkpoint_step_of(list.names[i], &step)) (*steps)[(*count)++] = step;
    }
    ppi_dir_listing_free(&list);
    if (*steps == NULL) return ppi_oom("a list of checkpoints");
    qsort(*steps, (size_t)*count, sizeof **steps, by_step_down);
    return PP_OK;
}

pp_status ppi_checkpoint_pointer(char *name, const char *checkpoints, const char *pointer) {
    char path[PPI_PATH_SIZE];
    char *text = NULL;
    size_t size = 0;
    name[0] = '\0';
    PPI_TRY(ppi_path_join(path, sizeof path, checkpoints, pointer));
    if (!ppi_file_exists(path)) return PP_OK;
    PPI_TRY(ppi_file_read_all(path, &text, &size));
    text[strcspn(text, "\r\n")] = '\0';
    int64_t step = 0;
    const bool valid =
        ppi_checkpoint_step_of(text, &step) &&
        snprintf(name, PPI_CHECKPOINT_NAME_SIZE, "%s", text) < PPI_CHECKPOINT_NAME_SIZE;
    ppi_free(text);
    return valid ? PP_OK : ppi_fail(PP_ERR_CORRUPT, "%s names no checkpoint folder", path);
}

/* Removes what writes that were broken off left. */
static pp_status remove_leftovers(const char *checkpoints) {
    ppi_dir_listing list = {0};
    PPI_TRY(ppi_dir_list(checkpoints, &list));
    pp_status s = PP_OK;
    for (int64_t i = 0; i < list.count && s == PP_OK; i++) {
        char path[PPI_PATH_SIZE];
        const char *suffix = strrchr(list.names[i], '.');
        if (strncmp(list.names[i], "step_", 5) != 0 || suffix == NULL) continue;
        if (strcmp(suffix, ".tmp") != 0 && strcmp(suffix, ".old") != 0) continue;
        s = ppi_path_join(path, sizeof path, checkpoints, list.names[i]);
        if (s == PP_OK) s = ppi_dir_remove(path);
    }
    ppi_dir_listing_free(&list);
    return s;
}

/* Removes what is older than the newest `keep` and not the one `best` names. */
static pp_status prune(const char *checkpoints, int64_t keep) {
    char best[PPI_CHECKPOINT_NAME_SIZE];
    int64_t *steps = NULL;
    int64_t count = 0;
    PPI_TRY(ppi_checkpoint_pointer(best, checkpoints, "best"));
    pp_status s = ppi_checkpoint_steps(checkpoints, &steps, &count);
    for (int64_t i = keep; keep > 0 && s == PP_OK && i < count; i++) {
        char path[PPI_PATH_SIZE];
        char name[PPI_CHECKPOINT_NAME_SIZE];
        ppi_checkpoint_name(name, steps[i]);
        if (strcmp(best, name) == 0) continue;
        s = ppi_path_join(path, sizeof path, checkpoints, name);
        if (s == PP_OK) s = ppi_dir_remove(path);
    }
    ppi_free(steps);
    return s;
}

/* Lets the text file `pointer` name a checkpoint folder. */
static pp_status point(const char *checkpoints, const char *pointer, const char *name) {
    char path[PPI_PATH_SIZE];
    char text[PPI_CHECKPOINT_NAME_SIZE + 1];
    PPI_TRY(ppi_path_join(path, sizeof path, checkpoints, pointer));
    const int n = snprintf(text, sizeof text, "%s\n", name);
    return ppi_file_write_atomic(path, text, (size_t)n);
}

/* Renames tmp to folder; one that is there already is moved aside first and comes back on failure.
 */
static pp_status replace_folder(const char *tmp, const char *folder) {
    char old[PPI_PATH_SIZE];
    if (!ppi_dir_exists(folder)) return ppi_rename(tmp, folder);
    if (snprintf(old, sizeof old, "%s.old", folder) >= (int)sizeof old) {
        return ppi_fail(PP_ERR_ARGUMENT, "the path '%s' is too long", folder);
    }
    PPI_TRY(ppi_dir_remove(old));
    PPI_TRY(ppi_rename(folder, old));
    const pp_status s = ppi_rename(tmp, folder);
    if (s != PP_OK) rename(old, folder); /* as it was; the failure above is the one to tell */
    return s;
}

static pp_status place(const char *tmp, const char *folder, const char *checkpoints) {
    PPI_TRY(ppi_dir_sync(tmp));
    PPI_TRY(replace_folder(tmp, folder));
    PPI_TRY(ppi_dir_sync(checkpoints));
    return point(checkpoints, "latest", ppi_path_base(folder));
}

pp_status ppi_checkpoint_mark_best(const char *run_dir, int64_t step) {
    char checkpoints[PPI_PATH_SIZE];
    char name[PPI_CHECKPOINT_NAME_SIZE];
    ppi_checkpoint_name(name, step);
    PPI_TRY(ppi_path_join(checkpoints, sizeof checkpoints, run_dir, "checkpoints"));
    return point(checkpoints, "best", name);
}

pp_status ppi_checkpoint_write(char *folder, const char *run_dir, const ppi_checkpoint_state *state,
                               ppi_agent *agent, const ppi_options *options, int64_t keep) {
    char checkpoints[PPI_PATH_SIZE];
    char tmp[PPI_PATH_SIZE];
    char name[PPI_CHECKPOINT_NAME_SIZE];
    ppi_checkpoint_name(name, state->step);
    PPI_TRY(ppi_path_join(checkpoints, sizeof checkpoints, run_dir, "checkpoints"));
    PPI_TRY(ppi_path_join(folder, PPI_PATH_SIZE, checkpoints, name));
    if (snprintf(tmp, sizeof tmp, "%s.tmp", folder) >= (int)sizeof tmp) {
        return ppi_fail(PP_ERR_ARGUMENT, "the path '%s' is too long", folder);
    }
    pp_status s = ppi_dir_remove(tmp);
    if (s == PP_OK) s = ppi_dir_make(tmp);
    if (s == PP_OK) s = write_folder(tmp, state, agent, options);
    if (s == PP_OK) s = place(tmp, folder, checkpoints);
    if (s == PP_OK) s = remove_leftovers(checkpoints);
    if (s == PP_OK) return prune(checkpoints, keep);
    ppi_fail_context(s, "cannot write checkpoint '%s'; earlier checkpoints are untouched", folder);
    char text[PPI_ERROR_TEXT_SIZE];
    snprintf(text, sizeof text, "%s", pp_last_error());
    ppi_dir_remove(tmp);
    return ppi_fail(s, "%s", text);
}
