/* Reading a whole dataset to find out whether it is sound. Opening it has compared the lengths and
 * types of all columns with metadata.json; here every row of every leaf is read and looked at. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "data/dataset_internal.h"

#define BATCH_BYTES ((int64_t)1 << 20)

/* Everything the checks of one dataset share. */
typedef struct check {
    ppi_dataset *dataset;
    ppi_dataset_report *report;
    const pp_leaf_info *leaf;
    int32_t leaf_index;
    int64_t episode;
    uint8_t *rows; /* one batch */
} check;

static pp_status refuse(const check *c, int64_t row, const char *what) {
    return ppi_fail(PP_ERR_CORRUPT, "%s: episode %lld (group episode_%lld), %s row %lld %s",
                    c->dataset->data_path, (long long)c->episode,
                    (long long)c->dataset->episodes[c->episode].group, c->leaf->path,
                    (long long)row, what);
}

static double number_at(pp_data_type type, const uint8_t *rows, int64_t i) {
    switch (type) {
    case PP_DATA_I8:
        return ((const int8_t *)rows)[i];
    case PP_DATA_I16:
        return ((const int16_t *)(const void *)rows)[i];
    case PP_DATA_U16:
        return ((const uint16_t *)(const void *)rows)[i];
    case PP_DATA_I32:
        return ((const int32_t *)(const void *)rows)[i];
    case PP_DATA_U32:
        return ((const uint32_t *)(const void *)rows)[i];
    case PP_DATA_I64:
        return (double)((const int64_t *)(const void *)rows)[i];
    case PP_DATA_U64:
        return (double)((const uint64_t *)(const void *)rows)[i];
    case PP_DATA_F32:
        return (double)((const float *)(const void *)rows)[i];
    case PP_DATA_F64:
        return ((const double *)(const void *)rows)[i];
    default:
        return rows[i];
    }
}

/* Choices outside their space are damage; a Box is often left by rounding, so it is counted. */
static pp_status check_range(const check *c, int64_t first, int64_t count) {
    const pp_leaf_info *leaf = c->leaf;
    for (int64_t i = 0; i < count * leaf->count; i++) {
        double value = number_at(leaf->type, c->rows, i);
        if (value >= leaf->low && value <= leaf->high) {
            continue;
        }
        if (leaf->space != PP_SPACE_BOX || (c->dataset->own && leaf->type < PP_DATA_F32)) {
            return refuse(c, first + i / leaf->count, "holds a value outside its space");
        }
        c->report->outside++;
    }
    return PP_OK;
}

static pp_status check_numbers(const check *c, int64_t rows) {
    int64_t step = BATCH_BYTES / c->leaf->row_bytes > 1 ? BATCH_BYTES / c->leaf->row_bytes : 1;
    for (int64_t row = 0; row < rows; row += step) {
        int64_t count = rows - row < step ? rows - row : step;
        PPI_TRY(pp_dataset_read_leaf(c->dataset, c->leaf_index, c->episode, row, count, c->rows));
        PPI_TRY(check_range(c, row, count));
        c->report->checksum =
            ppi_crc32c(c->report->checksum, c->rows, (size_t)(count * c->leaf->row_bytes));
    }
    return PP_OK;
}

/* Number of characters of a UTF-8 text, -1 when it is none. */
static int64_t count_characters(const uint8_t *text, int64_t length) {
    int64_t count = 0;
    for (int64_t i = 0; i < length; count++) {
        int more = text[i] < 0x80   ? 0
                   : text[i] < 0xc2 ? -1
                   : text[i] < 0xe0 ? 1
                   : text[i] < 0xf0 ? 2
                   : text[i] < 0xf5 ? 3
                                    : -1;
        if (more < 0 || more >= length - i) {
            return -1;
        }
        for (int k = 1; k <= more; k++) {
            if ((text[i + k] & 0xc0) != 0x80) {
                return -1;
            }
        }
        i += more + 1;
    }
    return count;
}

static pp_status check_text(const check *c, int64_t row) {
    int64_t length = 0;
    PPI_TRY(pp_dataset_read_text(c->dataset, c->leaf_index, c->episode, row, NULL, 0, &length));
    char *text = ppi_malloc((size_t)length + 1);
    if (!text) {
        return ppi_oom("a text");
    }
    pp_status status =
        pp_dataset_read_text(c->dataset, c->leaf_index, c->episode, row, text, length + 1, &length);
    if (status == PP_OK) {
        int64_t characters = count_characters((const uint8_t *)text, length);
        status = characters < 0                       ? refuse(c, row, "is not UTF-8")
                 : (double)characters > c->leaf->high ? refuse(c, row, "is longer than its space")
                                                      : PP_OK;
        c->report->checksum = ppi_crc32c(c->report->checksum, text, (size_t)length);
    }
    ppi_free(text);
    return status;
}

static pp_status check_leaf(check *c, int32_t leaf) {
    c->leaf_index = leaf;
    c->leaf = &c->dataset->spaces.leaves[leaf];
    c->report->lossy += c->episode == 0 && c->leaf->jpeg;
    int64_t rows = ppi_dataset_leaf_length(c->dataset, leaf, c->episode);
    if (c->leaf->type != PP_DATA_TEXT) {
        return check_numbers(c, rows);
    }
    for (int64_t row = 0; row < rows; row++) {
        PPI_TRY(check_text(c, row));
    }
    return PP_OK;
}

/* Rewards and flags lie in memory; opening has checked them. */
static void note_columns(check *c) {
    const ppi_dataset *d = c->dataset;
    const ppi_episode *episode = &d->episodes[c->episode];
    ppi_dataset_report *report = c->report;
    const float *rewards = d->rewards + episode->row;
    size_t steps = (size_t)episode->info.steps;
    for (size_t t = 0; t < steps; t++) {
        const uint8_t flags = d->flags[episode->row + (int64_t)t];
        report->rewards_are_signs &= rewards[t] == 0 || fabsf(rewards[t]) == 1;
        report->both_flags += flags == (PPI_STEP_TERMINATED | PPI_STEP_TRUNCATED);
    }
    report->checksum = ppi_crc32c(report->checksum, rewards, steps * sizeof *rewards);
    report->checksum = ppi_crc32c(report->checksum, d->flags + episode->row, steps);
    if (c->episode > 0) {
        int64_t before = d->episodes[c->episode - 1].group;
        report->gaps += episode->group > before + 1;
    }
}

pp_status ppi_dataset_validate(ppi_dataset *d, ppi_dataset_report *report) {
    int64_t bytes = BATCH_BYTES;
    *report = (ppi_dataset_report){.rewards_are_signs = true};
    for (int32_t i = 0; i < d->spaces.count; i++) {
        bytes = d->spaces.leaves[i].row_bytes > bytes ? d->spaces.leaves[i].row_bytes : bytes;
    }
    check c = {.dataset = d, .report = report, .rows = ppi_malloc((size_t)bytes)};
    if (!c.rows) {
        return ppi_oom("a batch of rows");
    }
    pp_status status = PP_OK;
    for (; c.episode < d->info.episodes && status == PP_OK; c.episode++) {
        for (int32_t i = 0; i < d->spaces.count && status == PP_OK; i++) {
            status = check_leaf(&c, i);
        }
        if (status == PP_OK) {
            note_columns(&c);
        }
    }
    ppi_free(c.rows);
    return status == PP_OK && d->own ? ppi_dataset_check_own(d, report) : status;
}
