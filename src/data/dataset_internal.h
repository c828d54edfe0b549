/* The fields of an open dataset, shared by the files that implement it. */
#ifndef PPI_DATA_DATASET_INTERNAL_H
#define PPI_DATA_DATASET_INTERNAL_H

#include <pthread.h>

#include "base/file.h"
#include "data/dataset.h"
#include "data/h5file.h"
#include "data/h5vlen.h"
#include "data/space.h"
#include "data/store.h"

#define PPI_DATASET_HANDLES   32 /* leaf columns kept open */
#define PPI_DATASET_MAX_BLOCK 64 /* chunks of more rows are read in blocks of our own size */
#define PPI_DATASET_ROW_BYTES 9  /* action, reward, flags */

typedef struct ppi_dataset_handle {
    ppi_h5_data *data;
    int64_t group;
    int32_t leaf;
    int64_t used; /* tick of the last use */
} ppi_dataset_handle;

struct pp_dataset {
    char folder[PPI_PATH_SIZE];
    char data_path[PPI_PATH_SIZE];
    ppi_store_meta meta;
    int64_t told_groups; /* total_episodes and total_steps of metadata.json */
    int64_t told_steps;
    bool own; /* polyplay wrote it, so stricter rules hold */
    pp_dataset_info info;
    ppi_spaces spaces;
    ppi_h5 *file;
    int64_t file_bytes;
    int64_t column_limit; /* bytes, 0 = none */
    int64_t frame_bytes;  /* 0 = no frames */
    int64_t block_rows;
    int64_t row_capacity;
    int32_t *actions; /* [steps], NULL unless the action space is Discrete */
    float *rewards;   /* [steps] raw */
    uint8_t *flags;   /* [steps] PPI_STEP_* */
    ppi_episode *episodes;
    int64_t episode_capacity;
    ppi_group *groups;
    int64_t group_count, group_capacity;
    char **texts; /* learners and options of the groups, each different one once */
    int64_t text_count, text_capacity;
    bool has_histories;
    pthread_mutex_t mutex; /* over what follows: several samplers may read one dataset */
    ppi_dataset_handle handles[PPI_DATASET_HANDLES];
    int64_t tick;
    ppi_h5_vlen *vlen; /* made with the first value of variable length */
    ppi_buf scratch;   /* a stored chunk, or rows on their way to another type */
};

/* dataset_names.c: the dataset folder that `name` means. */
pp_status ppi_dataset_resolve(char *folder, size_t size, const char *name);

/* dataset_load.c: reads the small columns of all groups; `expected` is metadata.json's number of
 * episodes. */
pp_status ppi_dataset_load_groups(ppi_dataset *d, int64_t expected);

/* dataset_group.c: */
/* The facts of a group with `steps` rows, whose flags are d->flags + d->info.steps, and its ends:
 * end_rows [group->ends] is freed with ppi_free. */
pp_status ppi_dataset_load_facts(ppi_dataset *d, ppi_group *group, int64_t **end_rows);
pp_status ppi_dataset_add_group(ppi_dataset *d, const ppi_group *group);

/* The pseudo leaf infos/final_observation, for ppi_dataset_leaf_handle. */
#define PPI_DATASET_FINAL INT32_MAX

/* dataset_rules.c: what only datasets of ours must satisfy. */
pp_status ppi_dataset_check_own(ppi_dataset *d, ppi_dataset_report *report);

/* dataset_leaf.c, all under the mutex: */
/* A leaf's column in a group, its type and the axes behind the rows checked. Owned by the dataset,
 * which keeps the columns used last open; valid until the next call. */
pp_status ppi_dataset_leaf_handle(ppi_dataset *d, ppi_h5_data **out, int32_t leaf, int64_t group);
/* Rows of a numeric leaf as its type into out [count, shape...]. */
pp_status ppi_dataset_leaf_rows(ppi_dataset *d, ppi_h5_data *data, int32_t leaf, int64_t first,
                                int64_t count, void *out);
/* The first `rows` rows of a leaf of one integer per row. */
pp_status ppi_dataset_leaf_integers(ppi_dataset *d, int32_t leaf, int64_t group, int64_t rows,
                                    int64_t *out);

#endif
