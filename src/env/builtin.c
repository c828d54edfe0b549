/* What bandits, dark rooms and Watermaze share: the list for the registry, checks with their texts,
 * saved states, and drawing into RGB pictures. */
#include "env/builtin.h"

#include <stdio.h>
#include <string.h>

#include <polyplay/status.h>

#include "env/arcade/arcade.h"

const pp_env_vtable *const ppi_builtin_vtables[PPI_BUILTIN_COUNT] = {
    &ppi_bandit_vtables[0], &ppi_bandit_vtables[1], &ppi_bandit_vtables[2], &ppi_bandit_vtables[3],
    &ppi_dark_vtables[0],   &ppi_dark_vtables[1],   &ppi_dark_vtables[2],   &ppi_watermaze_vtable,
};

int32_t ppi_builtin_check(const pp_env_config *config, const char *id,
                          const ppi_builtin_limits *limits, pp_env_error *error) {
    if (config->mode < 0 || config->mode >= limits->modes) {
        if (limits->modes == 1) {
            return ppi_env_fail(error, PP_ERR_ARGUMENT, "%s has the mode 0 only, not %d", id,
                                config->mode);
        }
        return ppi_env_fail(error, PP_ERR_ARGUMENT, "%s has the modes 0..%d, not %d", id,
                            limits->modes - 1, config->mode);
    }
    if (config->difficulty != 0) {
        return ppi_env_fail(error, PP_ERR_ARGUMENT, "%s has the difficulty 0 only, not %d", id,
                            config->difficulty);
    }
    if (config->sticky != 0.0 || config->noop_max > 0 || config->fire_reset > 0) {
        return ppi_env_fail(error, PP_ERR_ARGUMENT,
                            "%s knows neither sticky actions nor no-op frames nor FIRE at a reset; "
                            "leave env.sticky, env.noop-max and env.fire-reset out",
                            id);
    }
    if (config->max_steps > 0 && config->max_steps < limits->steps) {
        return ppi_env_fail(error, PP_ERR_ARGUMENT,
                            "every episode of %s has %d steps; a cap of %d would change the task",
                            id, limits->steps, config->max_steps);
    }
    if (config->task < 0 || (limits->task_count > 0 && config->task >= limits->task_count)) {
        if (limits->task_count == 0) {
            return ppi_env_fail(error, PP_ERR_ARGUMENT,
                                "task %lld of %s is negative; a task is any number from 0 on",
                                (long long)config->task, id);
        }
        return ppi_env_fail(error, PP_ERR_ARGUMENT, "%s has the tasks 0..%lld, not %lld", id,
                            (long long)limits->task_count - 1, (long long)config->task);
    }
    return PP_OK;
}

int32_t ppi_builtin_no_reading(const pp_env_config *config, const char *id, pp_env_error *error) {
    if (config->reading == NULL || config->reading[0] == '\0') return PP_OK;
    return ppi_env_fail(error, PP_ERR_ARGUMENT,
                        "%s has one reading of its rules; reading '%s' is for the bandits", id,
                        config->reading);
}

void ppi_builtin_describe(pp_env_spec *spec, const char *id, const char *const *names,
                          int32_t count, const ppi_builtin_limits *limits) {
    memset(spec, 0, sizeof(*spec));
    snprintf(spec->id, sizeof(spec->id), "%s", id);
    spec->action_count = count;
    spec->min_actions = count;
    for (int32_t i = 0; i < count; i++) {
        spec->action_list[i] = i;
        snprintf(spec->action_names[i], sizeof(spec->action_names[i]), "%s", names[i]);
    }
    spec->frame_skip = 1;
    spec->max_steps = limits->steps;
    spec->reward_max = 1;
    spec->task_count = limits->task_count;
    snprintf(spec->backend, sizeof(spec->backend), "builtin");
    snprintf(spec->backend_version, sizeof(spec->backend_version), "1");
}

int32_t ppi_builtin_bad_step(const char *id, int32_t action, int32_t count, pp_env_error *error) {
    if (action < 0 || action >= count) {
        return ppi_env_fail(error, PP_ERR_ARGUMENT, "action %d of %s is not in 0..%d", action, id,
                            count - 1);
    }
    return ppi_env_fail(error, PP_ERR_ARGUMENT, "%s was stepped before its reset", id);
}

int32_t ppi_builtin_save(const char *id, const void *state, uint64_t bytes, uint8_t *buffer,
                         uint64_t size, uint64_t *needed, pp_env_error *error) {
    *needed = bytes;
    if (buffer == NULL) return PP_OK;
    if (size < bytes) {
        return ppi_env_fail(error, PP_ERR_ARGUMENT,
                            "the state of %s needs %llu bytes, the buffer has %llu", id,
                            (unsigned long long)bytes, (unsigned long long)size);
    }
    memcpy(buffer, state, (size_t)bytes);
    return PP_OK;
}

int32_t ppi_builtin_check_size(const char *id, uint64_t bytes, uint64_t size, pp_env_error *error) {
    if (size == bytes) return PP_OK;
    return ppi_env_fail(error, PP_ERR_CORRUPT, "a state of %s has %llu bytes, not %llu", id,
                        (unsigned long long)bytes, (unsigned long long)size);
}

int32_t ppi_builtin_bad_state(const char *id, int64_t task, pp_env_error *error) {
    return ppi_env_fail(error, PP_ERR_CORRUPT, "the saved state is not one of %s with task %lld",
                        id, (long long)task);
}

void ppi_builtin_fill(uint8_t *rgb, int32_t h, int32_t w, int32_t y0, int32_t x0, int32_t y1,
                      int32_t x1, const uint8_t colour[3]) {
    y0 = y0 < 0 ? 0 : y0;
    x0 = x0 < 0 ? 0 : x0;
    y1 = y1 > h ? h : y1;
    x1 = x1 > w ? w : x1;
    for (int32_t y = y0; y < y1; y++) {
        for (int32_t x = x0; x < x1; x++) {
            memcpy(rgb + 3 * ((int64_t)y * w + x), colour, 3);
        }
    }
}

void ppi_builtin_disc(uint8_t *rgb, int32_t h, int32_t w, double y, double x, double radius,
                      const uint8_t colour[3]) {
    for (int32_t row = (int32_t)(y - radius) - 1; row <= (int32_t)(y + radius) + 1; row++) {
        for (int32_t column = (int32_t)(x - radius) - 1; column <= (int32_t)(x + radius) + 1;
             column++) {
            const double dy = row + 0.5 - y;
            const double dx = column + 0.5 - x;
            if (dy * dy + dx * dx <= radius * radius) {
                ppi_builtin_fill(rgb, h, w, row, column, row + 1, column + 1, colour);
            }
        }
    }
}
