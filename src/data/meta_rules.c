/* What a dataset says about its environment: taken over from the environment's own description, and
 * compared before data are mixed. */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "data/meta.h"

static void copy_text(char *out, size_t size, const char *text) {
    size_t length = strnlen(text, size - 1);
    memcpy(out, text, length);
    out[length] = 0;
}

void ppi_meta_from_spec(ppi_store_meta *meta, const pp_env_spec *spec) {
    copy_text(meta->env, sizeof meta->env, spec->id);
    meta->obs_type = spec->obs_type;
    meta->height = spec->obs_h;
    meta->width = spec->obs_w;
    meta->channels = spec->obs_c;
    meta->obs_high = spec->obs_type == PP_OBS_PLANES ? 1 : 255;
    memcpy(meta->cell_high, spec->obs_high, sizeof meta->cell_high);
    meta->actions = spec->action_count;
    meta->min_actions = spec->min_actions;
    memcpy(meta->action_list, spec->action_list, sizeof meta->action_list);
    copy_text(meta->view, sizeof meta->view, spec->view);
    copy_text(meta->backend, sizeof meta->backend, spec->backend);
    copy_text(meta->backend_version, sizeof meta->backend_version, spec->backend_version);
    copy_text(meta->rom_md5, sizeof meta->rom_md5, spec->rom_md5);
    meta->sticky = spec->sticky;
    meta->frame_skip = spec->frame_skip;
    meta->max_steps = spec->max_steps;
    meta->noop_max = spec->noop_max;
    meta->fire_reset = spec->fire_reset;
    meta->mode = spec->mode;
    meta->difficulty = spec->difficulty;
    meta->reward_min = spec->reward_min;
    meta->reward_max = spec->reward_max;
    meta->task_count = spec->task_count;
}

#define SAME(field, format)                                                                        \
    do {                                                                                           \
        if (old->field != asked->field) {                                                          \
            return ppi_fail(PP_ERR_ARGUMENT,                                                       \
                            "%s: " #field " is " format " there, " format " asked", there,         \
                            old->field, asked->field);                                             \
        }                                                                                          \
    } while (0)
#define SAME_TEXT(field)                                                                           \
    do {                                                                                           \
        if (strcmp(old->field, asked->field) != 0) {                                               \
            return ppi_fail(PP_ERR_ARGUMENT, "%s: " #field " is '%s' there, '%s' asked", there,    \
                            old->field, asked->field);                                             \
        }                                                                                          \
    } while (0)

static pp_status same_shapes(const ppi_store_meta *old, const ppi_store_meta *asked,
                             const char *there) {
    SAME(obs_type, "%d");
    SAME(height, "%d");
    SAME(width, "%d");
    SAME(channels, "%d");
    if (ppi_store_has_frames(old)) {
        SAME(obs_high, "%d");
    }
    for (int i = 0; i < PP_ENV_CELLS && old->obs_type == PP_OBS_CELLS; i++) {
        SAME(cell_high[i], "%d");
    }
    SAME(actions, "%d");
    SAME(min_actions, "%d");
    for (int32_t i = 0; i < old->min_actions; i++) {
        SAME(action_list[i], "%d");
    }
    return PP_OK;
}

pp_status ppi_meta_same_rules(const ppi_store_meta *old, const ppi_store_meta *asked,
                              const char *there) {
    SAME_TEXT(env);
    SAME_TEXT(policy);
    SAME_TEXT(view);
    SAME_TEXT(rom_md5);
    SAME_TEXT(backend_version);
    PPI_TRY(same_shapes(old, asked, there));
    SAME(sticky, "%g");
    SAME(frame_skip, "%d");
    SAME(max_steps, "%d");
    SAME(noop_max, "%d");
    SAME(fire_reset, "%d");
    SAME(mode, "%d");
    SAME(difficulty, "%d");
    SAME(parity, "%d");
    SAME_TEXT(reading);
    SAME(histories, "%d");
    SAME_TEXT(tasks);
    SAME(split_seed, "%" PRIu64);
    return PP_OK;
}
