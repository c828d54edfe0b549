/* metadata.json of a dataset: what Minari wants there, and our facts beside it. */
#ifndef PPI_DATA_META_H
#define PPI_DATA_META_H

#include <stdbool.h>
#include <stdint.h>

#include <polyplay/status.h>

#include "base/buf.h"
#include "base/json.h"
#include "data/space.h"
#include "data/store.h"

/* What the file says beside ppi_store_meta. */
typedef struct ppi_meta_counts {
    int64_t episodes;
    int64_t steps;
    double megabytes;
    bool jpeg; /* image observations are stored as JPEG */
    bool own;  /* polyplay wrote the file */
} ppi_meta_counts;

/* Appends the whole file. `old` (may be NULL) is the metadata it replaces: keys that are not ours
 * are kept. */
pp_status ppi_meta_write(ppi_buf *out, const ppi_store_meta *meta, const ppi_meta_counts *counts,
                         const ppi_json *old);

/* Reads the metadata of a dataset that polyplay recorded; `what` names it in errors. PP_ERR_CORRUPT
 * for broken JSON and missing keys, PP_ERR_UNSUPPORTED for storage formats that are not read and
 * spaces that are not recorded here, always naming the key. */
pp_status ppi_meta_parse(ppi_store_meta *meta, ppi_meta_counts *counts, const char *text,
                         size_t size, const char *what);
pp_status ppi_meta_load(ppi_store_meta *meta, ppi_meta_counts *counts, const char *path);
/* The same for any dataset and its spaces, which the caller frees, also after a failure. Where an
 * observation has no frames height, width and channels are 0; without Discrete actions from 0
 * `actions` is 0. */
pp_status ppi_meta_load_spaces(ppi_store_meta *meta, ppi_meta_counts *counts, ppi_spaces *spaces,
                               const char *path);

/* Fills what an environment says about itself: observations, actions, limits, backend. */
void ppi_meta_from_spec(ppi_store_meta *meta, const pp_env_spec *spec);

/* PP_OK when data of both may lie in one dataset: the same environment, rules, observations, actions
 * and source. PP_ERR_ARGUMENT names the field that differs, `there` being the folder of `old`. */
pp_status ppi_meta_same_rules(const ppi_store_meta *old, const ppi_store_meta *asked,
                              const char *there);

/* The text a journal keeps as its header. */
pp_status ppi_meta_header(ppi_buf *out, const ppi_store_meta *meta);

#endif
