/* Finding, checking and reading checkpoint folders. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "run/checkpoint.h"
#include "run/checkpoint_internal.h"
#include "tensor/safetensors.h"

static bool has_file(const char *folder, const char *name) {
    char path[PPI_PATH_SIZE];
    return ppi_path_join(path, sizeof path, folder, name) == PP_OK && ppi_file_exists(path);
}

/* Names the first tensor whose bytes differ from the manifest; the file as a whole is known to
 * differ. */
static pp_status name_tensor(const char *path, const ppi_json *entry) {
    const ppi_json *crcs = ppi_json_find(entry, "crc32c");
    ppi_safetensors *st = NULL;
    if (crcs == NULL)
        return ppi_fail(PP_ERR_CORRUPT, "%s: its checksum is not the manifest's", path);
    PPI_TRY(ppi_safetensors_open(&st, path));
    pp_status s =
        ppi_fail(PP_ERR_CORRUPT, "%s: its header is not the one the manifest sums up", path);
    for (int64_t i = 0; i < ppi_json_count(crcs); i++) {
        const char *name = NULL;
        const ppi_json *value = NULL;
        int64_t crc = 0;
        if (ppi_json_member(crcs, i, &name, &value) != PP_OK ||
            ppi_json_as_i64(value, name, &crc) != PP_OK) {
            continue;
        }
        const ppi_st_tensor *t = ppi_safetensors_find(st, name);
        if (t == NULL) {
            s = ppi_fail(PP_ERR_CORRUPT, "%s: tensor '%s' is missing", path, name);
            break;
        }
        if ((int64_t)ppi_crc32c(0, t->data, t->bytes) != crc) {
            s = ppi_fail(PP_ERR_CORRUPT,
                         "%s: tensor '%s' was altered: its checksum is not the manifest's", path,
                         name);
            break;
        }
    }
    ppi_safetensors_close(st);
    return s;
}

typedef struct verify_ctx {
    const char *folder;
    bool play_only;
    char *model_sha256; /* [65] or NULL */
} verify_ctx;

static pp_status verify_file(void *ctx, const char *name, const ppi_json *entry) {
    const verify_ctx *v = ctx;
    if (v->play_only && strcmp(name, "config.json") != 0 &&
        strcmp(name, "model.safetensors") != 0 && strcmp(name, "stats.json") != 0) {
        return PP_OK;
    }
    char path[PPI_PATH_SIZE];
    char sha[PPI_SHA256_HEX_SIZE];
    const char *wanted = NULL;
    int64_t size = 0;
    int64_t wanted_size = 0;
    if (strchr(name, '/') != NULL)
        return ppi_fail(PP_ERR_CORRUPT, "%s: manifest.json names '%s'", v->folder, name);
    PPI_TRY(ppi_json_get_string(entry, "sha256", &wanted));
    PPI_TRY(ppi_json_get_i64(entry, "size", &wanted_size));
    PPI_TRY(ppi_path_join(path, sizeof path, v->folder, name));
    PPI_TRY(ppi_file_size(path, &size));
    PPI_TRY(ppi_sha256_file(sha, path));
    if (size != wanted_size || strcmp(sha, wanted) != 0) {
        PPI_TRY(name_tensor(path, entry));
        return ppi_fail(PP_ERR_CORRUPT, "%s: %" PRId64 " bytes, the manifest says %" PRId64, path,
                        size, wanted_size);
    }
    if (v->model_sha256 != NULL && strcmp(name, "model.safetensors") == 0) {
        memcpy(v->model_sha256, sha, sizeof sha);
    }
    return PP_OK;
}

static pp_status verify(const char *folder, bool play_only, char *model_sha256) {
    char path[PPI_PATH_SIZE];
    ppi_json *manifest = NULL;
    const ppi_json *files = NULL;
    PPI_TRY(ppi_path_join(path, sizeof path, folder, "manifest.json"));
    if (!ppi_file_exists(path)) {
        return ppi_fail(PP_ERR_CORRUPT,
                        "%s: no manifest.json, so this checkpoint was never finished", folder);
    }
    PPI_TRY(ppi_json_load(&manifest, path));
    pp_status s = ppi_json_get_object(manifest, "files", &files);
    verify_ctx v = {.folder = folder, .play_only = play_only, .model_sha256 = model_sha256};
    static const char *const needed[] = {"config.json", "model.safetensors", "stats.json"};
    for (size_t i = 0; s == PP_OK && i < sizeof needed / sizeof needed[0]; i++) {
        if (ppi_json_find(files, needed[i]) == NULL) {
            s = ppi_fail(PP_ERR_CORRUPT, "%s: manifest.json does not list %s", folder, needed[i]);
        }
    }
    if (s == PP_OK) s = ppi_json_each(files, verify_file, &v);
    ppi_json_free(manifest);
    return s;
}

pp_status ppi_checkpoint_verify(const char *folder, bool play_only) {
    return verify(folder, play_only, NULL);
}

void ppi_checkpoint_run_dir(char *out, const char *folder) {
    char dir[PPI_PATH_SIZE];
    out[0] = '\0';
    if (ppi_path_dir(dir, sizeof dir, folder) != PP_OK) return;
    if (strcmp(ppi_path_base(dir), "checkpoints") != 0) return;
    ppi_path_dir(out, PPI_PATH_SIZE, dir);
}

/* `path` without trailing slashes, when it is a folder. */
static pp_status clean_path(char *out, const char *path) {
    if (snprintf(out, PPI_PATH_SIZE, "%s", path) >= PPI_PATH_SIZE) {
        return ppi_fail(PP_ERR_ARGUMENT, "the path '%.200s...' is too long", path);
    }
    for (size_t n = strlen(out); n > 1 && out[n - 1] == '/'; n--) out[n - 1] = '\0';
    if (ppi_dir_exists(out)) return PP_OK;
    return ppi_fail(PP_ERR_NOT_FOUND, "there is no run or checkpoint folder '%s'", path);
}

static bool is_checkpoint(const char *folder) {
    return has_file(folder, "model.safetensors") || has_file(folder, "config.json");
}

/* The folder "checkpoints" of a run folder; `run` may be that folder itself. */
static pp_status checkpoints_of(char *out, const char *run) {
    const char *base = strcmp(ppi_path_base(run), "checkpoints") == 0 ? "" : "checkpoints";
    return ppi_path_join(out, PPI_PATH_SIZE, run, base);
}

/* Finds and verifies the newest whole checkpoint of a run folder. */
static pp_status find_last(ppi_checkpoint *out, const char *run, bool play_only) {
    char checkpoints[PPI_PATH_SIZE];
    int64_t *steps = NULL;
    int64_t count = 0;
    PPI_TRY(checkpoints_of(checkpoints, run));
    PPI_TRY(ppi_checkpoint_steps(checkpoints, &steps, &count));
    pp_status s = ppi_fail(PP_ERR_NOT_FOUND, "'%s' holds no checkpoint", run);
    for (int64_t i = 0; i < count; i++) {
        char name[PPI_CHECKPOINT_NAME_SIZE];
        ppi_checkpoint_name(name, steps[i]);
        s = ppi_path_join(out->folder, sizeof out->folder, checkpoints, name);
        if (s == PP_OK) s = verify(out->folder, play_only, out->model_sha256);
        if (s == PP_OK || s == PP_ERR_NO_MEMORY) break;
        ppi_log(PPI_LOG_WARN, "skipping checkpoint %s: %s", name, pp_last_error());
        s = ppi_fail(PP_ERR_NOT_FOUND, "'%s' holds no whole checkpoint; the last problem: %s", run,
                     pp_last_error());
    }
    ppi_free(steps);
    out->rule = "last";
    return s;
}

/* Finds and verifies the checkpoint of a run folder that is called "best" or "step_N". */
static pp_status find_named(ppi_checkpoint *out, const char *run, const char *which,
                            bool play_only) {
    char checkpoints[PPI_PATH_SIZE];
    char name[PPI_CHECKPOINT_NAME_SIZE];
    int64_t step = 0;
    PPI_TRY(checkpoints_of(checkpoints, run));
    if (strcmp(which, "best") == 0) {
        out->rule = "best";
        PPI_TRY(ppi_checkpoint_pointer(name, checkpoints, "best"));
        if (name[0] == '\0') {
            return ppi_fail(PP_ERR_NOT_FOUND,
                            "'%s' has no best checkpoint; training with --eval.every makes one",
                            run);
        }
    } else if (ppi_checkpoint_step_of(which, &step)) {
        out->rule = "step";
        ppi_checkpoint_name(name, step);
    } else {
        return ppi_fail(PP_ERR_ARGUMENT, "checkpoint '%s', expected best, last or step_N", which);
    }
    PPI_TRY(ppi_path_join(out->folder, sizeof out->folder, checkpoints, name));
    if (!ppi_dir_exists(out->folder)) {
        return ppi_fail(PP_ERR_NOT_FOUND, "'%s' has no checkpoint %s", run, name);
    }
    return verify(out->folder, play_only, out->model_sha256);
}

static pp_status find(ppi_checkpoint *out, const char *path, const char *which, bool play_only) {
    char clean[PPI_PATH_SIZE];
    PPI_TRY(clean_path(clean, path));
    if (!is_checkpoint(clean)) {
        const bool last = which[0] == '\0' || strcmp(which, "last") == 0;
        return last ? find_last(out, clean, play_only) : find_named(out, clean, which, play_only);
    }
    if (which[0] != '\0') {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "'%s' is a checkpoint; checkpoint '%s' chooses one of a run folder", path,
                        which);
    }
    memcpy(out->folder, clean, sizeof clean);
    out->rule = "step";
    return verify(out->folder, play_only, out->model_sha256);
}

/* An array of up to `most` numbers; *count = how many there are. */
static pp_status read_numbers(const ppi_json *object, const char *key, int32_t *value, int most,
                              int *count) {
    const ppi_json *array = NULL;
    PPI_TRY(ppi_json_get_array(object, key, &array));
    const int64_t n = ppi_json_count(array);
    if (n > most) {
        return ppi_fail(PP_ERR_CORRUPT, "'%s' has %" PRId64 " numbers, at most %d", key, n, most);
    }
    *count = (int)n;
    for (int64_t i = 0; i < n; i++) {
        int64_t number = 0;
        PPI_TRY(ppi_json_as_i64(ppi_json_at(array, i), key, &number));
        value[i] = (int32_t)number;
    }
    return PP_OK;
}

static pp_status read_game_facts(ppi_checkpoint *ck, const ppi_json *game, int i) {
    const ppi_json *mean = ppi_json_find(game, "data_mean_return");
    int sides = 0;
    ck->state.game_return[i] = NAN;
    if (mean != NULL && ppi_json_kind_of(mean) != PPI_JSON_NULL) {
        PPI_TRY(ppi_json_as_f64(mean, "data_mean_return", &ck->state.game_return[i]));
    }
    if (ppi_json_find(game, "board") == NULL) return PP_OK;
    return read_numbers(game, "board", ck->state.board[i], 3, &sides);
}

static pp_status read_games(ppi_checkpoint *ck) {
    char path[PPI_PATH_SIZE];
    ppi_json *stats = NULL;
    const ppi_json *games = NULL;
    PPI_TRY(ppi_path_join(path, sizeof path, ck->folder, "stats.json"));
    PPI_TRY(ppi_json_load(&stats, path));
    pp_status s = ppi_json_get_array(stats, "games", &games);
    const int64_t n = s == PP_OK ? ppi_json_count(games) : 0;
    for (int64_t i = 0; i < n && i < PPI_CHECKPOINT_GAMES && s == PP_OK; i++) {
        const char *env = NULL;
        s = ppi_json_get_string(ppi_json_at(games, i), "env", &env);
        if (s == PP_OK) s = read_game_facts(ck, ppi_json_at(games, i), (int)i);
        if (s == PP_OK) snprintf(ck->state.games[i], sizeof ck->state.games[i], "%s", env);
        if (s == PP_OK) ck->state.n_games = i + 1;
    }
    ppi_json_free(stats);
    return s;
}

/* Members that a checkpoint may lack: counts begin at 0 then, and there is no best score. */
static pp_status read_optional(const ppi_json *trainer, ppi_checkpoint_state *state) {
    if (ppi_json_find(trainer, "agent_steps") != NULL) {
        PPI_TRY(ppi_json_get_i64(trainer, "agent_steps", &state->agent_steps));
        PPI_TRY(ppi_json_get_i64(trainer, "emulator_frames", &state->emulator_frames));
    }
    const ppi_json *best = ppi_json_find(trainer, "best_score");
    if (best == NULL || ppi_json_kind_of(best) == PPI_JSON_NULL) return PP_OK;
    PPI_TRY(ppi_json_as_f64(best, "best_score", &state->best_score));
    return ppi_json_get_i64(trainer, "best_step", &state->best_step);
}

static pp_status read_trainer(ppi_checkpoint *ck) {
    char path[PPI_PATH_SIZE];
    ppi_json *trainer = NULL;
    const ppi_json *rng = NULL;
    const char *seed = NULL;
    if (!has_file(ck->folder, "trainer_state.json")) return PP_OK;
    PPI_TRY(ppi_path_join(path, sizeof path, ck->folder, "trainer_state.json"));
    PPI_TRY(ppi_json_load(&trainer, path));
    pp_status s = ppi_json_get_i64(trainer, "step", &ck->state.step);
    if (s == PP_OK) s = ppi_json_get_f64(trainer, "wall", &ck->state.wall);
    if (s == PP_OK) s = read_optional(trainer, &ck->state);
    if (s == PP_OK) s = ppi_json_get_object(trainer, "rng", &rng);
    if (s == PP_OK) s = ppi_json_get_string(rng, "seed", &seed);
    if (s == PP_OK) ck->state.seed = strtoull(seed, NULL, 10);
    ppi_json_free(trainer);
    return s;
}

/* Members that only runs of online methods and those on learning histories have. */
static pp_status read_online(ppi_checkpoint *ck, const ppi_json *obs) {
    ppi_checkpoint_state *state = &ck->state;
    int64_t kind = 0;
    int count = 0;
    state->obs.type = strcmp(state->obs.view, "planes") == 0 ? PP_OBS_PLANES : PP_OBS_IMAGE;
    if (ppi_json_find(ck->config, "actions") == NULL) return PP_OK;
    state->histories = ppi_json_find(ck->config, "histories") != NULL;
    state->online = !state->histories;
    PPI_TRY(read_numbers(ck->config, "actions", state->actions.list, PP_ENV_ACTIONS, &count));
    state->actions.count = count;
    if (state->online) PPI_TRY(ppi_json_get_i64(ck->config, "task", &state->task));
    PPI_TRY(ppi_json_get_i64(obs, "kind", &kind));
    state->obs.type = (int32_t)kind;
    return read_numbers(obs, "high", state->obs.high, PP_ENV_CELLS, &count);
}

static pp_status read_config(ppi_checkpoint *ck) {
    char path[PPI_PATH_SIZE];
    const char *text = NULL;
    const ppi_json *obs = NULL;
    const ppi_json *options = NULL;
    int64_t format = 0;
    PPI_TRY(ppi_path_join(path, sizeof path, ck->folder, "config.json"));
    PPI_TRY(ppi_json_load(&ck->config, path));
    PPI_TRY(ppi_json_get_i64(ck->config, "format", &format));
    if (format != PPI_CHECKPOINT_FORMAT) {
        return ppi_fail(PP_ERR_UNSUPPORTED, "checkpoint format %" PRId64 ", this program reads %d",
                        format, PPI_CHECKPOINT_FORMAT);
    }
    PPI_TRY(ppi_json_get_string(ck->config, "method", &text));
    PPI_TRY(ppi_method_find(&ck->method, text));
    PPI_TRY(ppi_json_get_string(ck->config, "size", &text));
    snprintf(ck->state.size, sizeof ck->state.size, "%s", text);
    PPI_TRY(ppi_json_get_i64(ck->config, "parameters", &ck->state.parameters));
    PPI_TRY(ppi_json_get_string(ck->config, "dtype", &text));
    ck->state.policy = strcmp(text, "bf16") == 0 ? PPI_DTYPE_POLICY_BF16 : PPI_DTYPE_POLICY_F32;
    PPI_TRY(ppi_json_get_object(ck->config, "observation", &obs));
    PPI_TRY(ppi_json_get_string(obs, "view", &text));
    snprintf(ck->state.obs.view, sizeof ck->state.obs.view, "%s", text);
    PPI_TRY(ppi_json_get_i64(obs, "height", &ck->state.obs.h));
    PPI_TRY(ppi_json_get_i64(obs, "width", &ck->state.obs.w));
    PPI_TRY(ppi_json_get_i64(obs, "channels", &ck->state.obs.c));
    PPI_TRY(read_online(ck, obs));
    return ppi_json_get_object(ck->config, "options", &options);
}

pp_status ppi_checkpoint_open(ppi_checkpoint *out, const char *path, bool play_only) {
    return ppi_checkpoint_open_named(out, path, "", play_only);
}

pp_status ppi_checkpoint_open_named(ppi_checkpoint *out, const char *path, const char *which,
                                    bool play_only) {
    memset(out, 0, sizeof *out);
    out->state.best_score = NAN;
    PPI_TRY(find(out, path, which, play_only));
    pp_status s = read_config(out);
    if (s == PP_OK) s = read_games(out);
    if (s == PP_OK) s = read_trainer(out);
    if (s == PP_OK) return PP_OK;
    if (strstr(pp_last_error(), out->folder) == NULL)
        ppi_fail_context(s, "checkpoint '%s'", out->folder);
    ppi_checkpoint_close(out);
    return s;
}

void ppi_checkpoint_close(ppi_checkpoint *ck) {
    ppi_json_free(ck->config);
    ck->config = NULL;
}

/* One stored value as the text ppi_options_set takes. */
static pp_status value_text(char *out, size_t size, const ppi_json *value, const char *name) {
    int64_t i = 0;
    double f = 0;
    bool b = false;
    const char *text = NULL;
    switch (ppi_json_kind_of(value)) {
    case PPI_JSON_BOOL:
        PPI_TRY(ppi_json_as_bool(value, name, &b));
        snprintf(out, size, "%s", b ? "on" : "off");
        return PP_OK;
    case PPI_JSON_INT:
        PPI_TRY(ppi_json_as_i64(value, name, &i));
        snprintf(out, size, "%" PRId64, i);
        return PP_OK;
    case PPI_JSON_REAL:
        PPI_TRY(ppi_json_as_f64(value, name, &f));
        snprintf(out, size, "%.17g", f);
        return PP_OK;
    default:
        PPI_TRY(ppi_json_as_string(value, name, &text));
        if (snprintf(out, size, "%s", text) >= (int)size) {
            return ppi_fail(PP_ERR_CORRUPT, "the stored option '%s' is too long", name);
        }
        return PP_OK;
    }
}

static pp_status set_one(void *ctx, const char *name, const ppi_json *value) {
    char text[8192];
    ppi_options *set = ctx;
    if (ppi_options_source(set, name) == NULL || ppi_options_was_set(set, name)) return PP_OK;
    PPI_TRY(value_text(text, sizeof text, value, name));
    return ppi_options_set(set, name, text, "checkpoint");
}

pp_status ppi_checkpoint_all_options(const ppi_checkpoint *ck, ppi_options *set) {
    return ppi_json_each(ppi_json_find(ck->config, "options"), set_one, set);
}

pp_status ppi_checkpoint_options(const ppi_checkpoint *ck, ppi_options *set) {
    const ppi_json *stored = ppi_json_find(ck->config, "options");
    for (int t = 0; t < ck->method->table_count; t++) {
        const ppi_option_table *table = ck->method->tables[t].table;
        for (int r = 0; r < table->count; r++) {
            const ppi_json *value = ppi_json_find(stored, table->rows[r].name);
            if (value != NULL) PPI_TRY(set_one(set, table->rows[r].name, value));
        }
    }
    return PP_OK;
}

static pp_status load_block(const ppi_safetensors *st, const ppi_params *p, const char *prefix,
                            float *block) {
    for (int i = 0; i < p->count; i++) {
        const ppi_param *item = &p->item[i];
        const ppi_st_tensor *t = NULL;
        char name[PPI_SAFETENSORS_NAME_BYTES];
        snprintf(name, sizeof name, "%s%s", prefix, item->name);
        PPI_TRY(ppi_safetensors_need(st, name, "F32", item->shape.ndim, item->shape.dim, &t));
        memcpy(block + item->offset, t->data, t->bytes);
    }
    return PP_OK;
}

static pp_status load_file(const ppi_checkpoint *ck, const char *name, const ppi_params *p,
                           const char *const *prefix, float *const *block, int n) {
    char path[PPI_PATH_SIZE];
    ppi_safetensors *st = NULL;
    PPI_TRY(ppi_path_join(path, sizeof path, ck->folder, name));
    PPI_TRY(ppi_safetensors_open(&st, path));
    pp_status s = PP_OK;
    for (int i = 0; i < n && s == PP_OK; i++) s = load_block(st, p, prefix[i], block[i]);
    if (s == PP_OK && ppi_safetensors_count(st) != n * p->count) {
        s = ppi_fail(PP_ERR_SHAPE, "%s: %d tensors, the network has %d", path,
                     ppi_safetensors_count(st), n * p->count);
    }
    ppi_safetensors_close(st);
    return s;
}

pp_status ppi_checkpoint_load(const ppi_checkpoint *ck, ppi_params *params, bool slots) {
    static const char *const none[] = {""};
    static const char *const moments[] = {"m/", "v/"};
    PPI_TRY(load_file(ck, "model.safetensors", params, none, &params->master, 1));
    if (!slots || params->slot[0] == NULL) return PP_OK;
    return load_file(ck, "optimizer.safetensors", params, moments, params->slot, 2);
}

pp_status ppi_checkpoint_learner(const ppi_checkpoint *ck, char **data, size_t *size) {
    char path[PPI_PATH_SIZE];
    if (!has_file(ck->folder, PPI_CHECKPOINT_LEARNER)) {
        return ppi_fail(PP_ERR_NOT_FOUND,
                        "'%s' has no " PPI_CHECKPOINT_LEARNER ": it can be played, not resumed",
                        ck->folder);
    }
    PPI_TRY(ppi_path_join(path, sizeof path, ck->folder, PPI_CHECKPOINT_LEARNER));
    return ppi_file_read_all(path, data, size);
}
