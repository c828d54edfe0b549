/* Tasks that a collection plays; see task_choice.h. */
#include "run/task_choice.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/mem.h"

enum { MOST_IDS = 4096 };

pp_status ppi_numbers_parse(int64_t *out, int most, int *count, const char *text,
                            const char *option) {
    const char *at = text;
    *count = 0;
    while (*at != '\0') {
        char *end = NULL;
        const long long value = strtoll(at, &end, 10);
        if (end == at || (*end != ',' && *end != '\0') || value < 0) {
            return ppi_fail(PP_ERR_ARGUMENT,
                            "%s '%s', expected numbers of 0 or more separated by commas", option,
                            text);
        }
        if (*count == most) {
            return ppi_fail(PP_ERR_ARGUMENT, "%s has more than %d numbers", option, most);
        }
        out[(*count)++] = value;
        at = *end == ',' ? end + 1 : end;
    }
    return PP_OK;
}

const char *ppi_task_side_name(int side) {
    static const char *const names[] = {"train", "test", "all"};
    return names[side];
}

/* Tasks named by hand must lie on the side asked for. */
static pp_status check_side(const ppi_task_choice *choice, const pp_env_spec *spec) {
    for (int64_t i = 0; i < choice->count; i++) {
        if (spec->task_count == 0 || choice->ids[i] < spec->task_count) continue;
        return ppi_fail(PP_ERR_ARGUMENT, "task-ids: %s has tasks 0..%" PRId64 ", not %" PRId64,
                        spec->id, spec->task_count - 1, choice->ids[i]);
    }
    return ppi_tasks_check_side(spec->id, spec->mode, choice->tasks.side, choice->tasks.split_seed,
                                choice->ids, choice->count);
}

pp_status ppi_task_choice_open(ppi_task_choice *out, const pp_env_spec *spec,
                               const ppi_task_options *options) {
    int count = 0;
    *out = (ppi_task_choice){.count = 0};
    PPI_TRY(ppi_tasks_split_mode(&out->tasks, spec->id, spec->mode, (ppi_task_side)options->side,
                                 (uint64_t)options->split_seed));
    if (options->text[0] == '\0') return PP_OK;
    out->ids = ppi_calloc(MOST_IDS, sizeof *out->ids);
    if (out->ids == NULL) return ppi_oom("a list of tasks");
    PPI_TRY(ppi_numbers_parse(out->ids, MOST_IDS, &count, options->text, "task-ids"));
    out->count = count;
    return check_side(out, spec);
}

void ppi_task_choice_free(ppi_task_choice *choice) {
    ppi_tasks_free(&choice->tasks);
    ppi_free(choice->ids);
    *choice = (ppi_task_choice){.count = 0};
}

int64_t ppi_task_choice_pick(const ppi_task_choice *choice, int64_t index) {
    if (choice->count > 0) return choice->ids[index % choice->count];
    return ppi_tasks_pick(&choice->tasks, index);
}
