/* The public calls of polyplay/vec.h over the vector of environments. */
#include <polyplay/vec.h>

#include <string.h>

#include "base/cpu.h"
#include "base/error.h"
#include "base/mem.h"
#include "env/vec.h"

enum { MAX_IDS = 256, MAX_OPTIONS_TEXT = 4096 };

struct pp_vec {
    ppi_vec *vec;
    pp_vec_rows rows;
    ppi_buf state; /* of the last save */
};

/* Refuses a missing argument of a public call. */
#define NEED(pointer)                                                                              \
    do {                                                                                           \
        if ((pointer) == NULL) {                                                                   \
            return ppi_fail(PP_ERR_ARGUMENT, "%s: " #pointer " is NULL", __func__);                \
        }                                                                                          \
    } while (0)

/* Sets every word "name=value" of text. */
static pp_status set_words(ppi_options *set, const char *text) {
    char copy[MAX_OPTIONS_TEXT];
    if (strlen(text) >= sizeof(copy)) {
        return ppi_fail(PP_ERR_ARGUMENT, "options of %zu bytes; at most %d are read", strlen(text),
                        MAX_OPTIONS_TEXT - 1);
    }
    memcpy(copy, text, strlen(text) + 1);
    char *rest = NULL;
    for (char *word = strtok_r(copy, " \t\n", &rest); word != NULL;
         word = strtok_r(NULL, " \t\n", &rest)) {
        char *value = strchr(word, '=');
        if (value == NULL) {
            return ppi_fail(PP_ERR_ARGUMENT, "the option '%s' has no value; write %s=VALUE", word,
                            word);
        }
        *value = '\0';
        PPI_TRY(ppi_options_set(set, word, value + 1, "pp_vec_open"));
    }
    return PP_OK;
}

static pp_status read_options(ppi_env_options *out, const char *text) {
    ppi_options *set = NULL;
    PPI_TRY(ppi_options_create(&set));
    pp_status status = ppi_options_bind(set, &ppi_env_option_table, out);
    if (status == PP_OK && text != NULL) {
        status = set_words(set, text);
    }
    ppi_options_destroy(set);
    return status;
}

/* What the configuration says, with its defaults. */
typedef struct request {
    char (*list)[PP_ENV_ID_BYTES]; /* [MAX_IDS] the ids named */
    const char **ids;              /* [count] */
    int count;
    ppi_env_options options;
} request;

static pp_status read_request(request *r, const pp_vec_config *config) {
    int named = 0;
    r->list = ppi_calloc(MAX_IDS, sizeof(*r->list));
    if (r->list == NULL) {
        return ppi_oom("the ids of a vector of environments");
    }
    PPI_TRY(ppi_env_expand(r->list, MAX_IDS, &named, config->env));
    r->count = config->count != 0 ? config->count : named;
    if (r->count < 0) {
        return ppi_fail(PP_ERR_ARGUMENT, "%d environments; at least 1 is needed", r->count);
    }
    r->ids = ppi_calloc((size_t)r->count, sizeof(*r->ids));
    if (r->ids == NULL) {
        return ppi_oom("the ids of a vector of environments");
    }
    for (int i = 0; i < r->count; i++) {
        r->ids[i] = r->list[i % named];
    }
    return read_options(&r->options, config->options);
}

static pp_status find_autoreset(ppi_autoreset *out, int32_t mode) {
    static const ppi_autoreset modes[] = {
        [PP_AUTORESET_NEXT_STEP] = PPI_AUTORESET_NEXT_STEP,
        [PP_AUTORESET_SAME_STEP] = PPI_AUTORESET_SAME_STEP,
        [PP_AUTORESET_DISABLED] = PPI_AUTORESET_DISABLED,
    };
    if (mode < 0 || mode >= (int32_t)(sizeof(modes) / sizeof(modes[0]))) {
        return ppi_fail(PP_ERR_ARGUMENT, "autoreset mode %d is not in 0..2", mode);
    }
    *out = modes[mode];
    return PP_OK;
}

static pp_status open_vec(pp_vec *v, const pp_vec_config *config, request *r) {
    ppi_autoreset autoreset;
    PPI_TRY(find_autoreset(&autoreset, config->autoreset));
    PPI_TRY(read_request(r, config));
    const ppi_vec_config inner = {
        .ids = r->ids,
        .count = r->count,
        .options = &r->options,
        .tasks = config->tasks,
        .threads = config->threads != 0 ? config->threads : ppi_cpu_count(),
        .autoreset = autoreset,
    };
    PPI_TRY(ppi_vec_open(&v->vec, &inner));
    v->rows = (pp_vec_rows){
        .obs = ppi_vec_obs(v->vec),
        .final_obs = ppi_vec_final_obs(v->vec),
        .reward = ppi_vec_reward(v->vec),
        .terminated = ppi_vec_terminated(v->vec),
        .truncated = ppi_vec_truncated(v->vec),
        .lives = ppi_vec_lives(v->vec),
        .frames = ppi_vec_frames(v->vec),
        .steps = ppi_vec_steps(v->vec),
        .episode_return = ppi_vec_episode_return(v->vec),
        .episode_length = ppi_vec_episode_length(v->vec),
        .episode_seconds = ppi_vec_episode_seconds(v->vec),
        .obs_bytes = ppi_vec_obs_size(v->vec),
        .count = r->count,
    };
    return PP_OK;
}

pp_status pp_vec_open(pp_vec **out, const pp_vec_config *config) {
    NEED(out);
    *out = NULL;
    NEED(config);
    if (config->struct_size != sizeof(*config)) {
        return ppi_fail(PP_ERR_ARGUMENT, "pp_vec_open: struct_size is %llu, expected %zu",
                        (unsigned long long)config->struct_size, sizeof(*config));
    }
    NEED(config->env);
    pp_vec *v = ppi_calloc(1, sizeof(*v));
    if (v == NULL) {
        return ppi_oom("a vector of environments");
    }
    request r = {0};
    const pp_status status = open_vec(v, config, &r);
    ppi_free(r.list);
    ppi_free(r.ids);
    if (status != PP_OK) {
        pp_vec_close(v);
        return status;
    }
    *out = v;
    return PP_OK;
}

void pp_vec_close(pp_vec *vec) {
    if (vec == NULL) {
        return;
    }
    ppi_vec_destroy(vec->vec);
    ppi_buf_free(&vec->state);
    ppi_free(vec);
}

const pp_vec_rows *pp_vec_rows_of(const pp_vec *vec) {
    return vec == NULL ? NULL : &vec->rows;
}

const pp_env_spec *pp_vec_spec(const pp_vec *vec, int32_t i) {
    return vec == NULL || i < 0 || i >= vec->rows.count ? NULL : ppi_vec_spec(vec->vec, i);
}

pp_status pp_vec_reset(pp_vec *vec, uint64_t seed) {
    NEED(vec);
    uint64_t *seeds = ppi_calloc((size_t)vec->rows.count, sizeof(*seeds));
    if (seeds == NULL) {
        return ppi_oom("the seeds of a vector of environments");
    }
    for (int32_t i = 0; i < vec->rows.count; i++) {
        seeds[i] = seed + (uint64_t)i;
    }
    const pp_status status = ppi_vec_reset_all(vec->vec, seeds);
    ppi_free(seeds);
    return status;
}

pp_status pp_vec_reset_one(pp_vec *vec, int32_t i, uint64_t seed) {
    NEED(vec);
    return ppi_vec_reset(vec->vec, i, seed);
}

pp_status pp_vec_step(pp_vec *vec, const int32_t *actions, const uint8_t *active) {
    NEED(vec);
    NEED(actions);
    return ppi_vec_step(vec->vec, actions, active);
}

const char *pp_vec_failure(const pp_vec *vec, int32_t i) {
    return vec == NULL || i < 0 || i >= vec->rows.count ? "" : ppi_vec_failure(vec->vec, i);
}

pp_status pp_vec_save_state(pp_vec *vec, int32_t i, void *buffer, uint64_t size, uint64_t *needed) {
    NEED(vec);
    NEED(needed);
    ppi_buf_clear(&vec->state);
    PPI_TRY(ppi_vec_save_state(vec->vec, i, &vec->state));
    *needed = vec->state.len;
    if (buffer == NULL) {
        return PP_OK;
    }
    if (size < vec->state.len) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "the state of environment %d needs %zu bytes, the buffer has %llu", i,
                        vec->state.len, (unsigned long long)size);
    }
    memcpy(buffer, vec->state.data, vec->state.len);
    return PP_OK;
}

pp_status pp_vec_load_state(pp_vec *vec, int32_t i, const void *buffer, uint64_t size) {
    NEED(vec);
    NEED(buffer);
    return ppi_vec_load_state(vec->vec, i, buffer, (size_t)size);
}

pp_status pp_vec_render(pp_vec *vec, int32_t i, uint8_t *rgb) {
    NEED(vec);
    NEED(rgb);
    return ppi_vec_render(vec->vec, i, rgb);
}
