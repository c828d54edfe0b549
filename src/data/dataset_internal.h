/* The fields of an open dataset, shared by the files that implement it. */
#ifndef PPI_DATA_DATASET_INTERNAL_H
#define PPI_DATA_DATASET_INTERNAL_H

#include <pthread.h>

#include "base/file.h"
#include "data/dataset.h"
#include "data/h5file.h"
#include "data/store.h"

#define PPI_DATASET_HANDLES 32    /* observation arrays kept open */
#define PPI_DATASET_MAX_BLOCK 64  /* chunks of more rows are read in blocks of our own size */
#define PPI_DATASET_ROW_BYTES 9   /* action, reward, flags */

typedef struct ppi_dataset_handle {
    ppi_h5_data *data;
    int64_t group;
    int64_t used; /* tick of the last use */
} ppi_dataset_handle;

struct pp_dataset {
    char folder[PPI_PATH_SIZE];
    char data_path[PPI_PATH_SIZE];
    ppi_store_meta meta;
    pp_dataset_info info;
    bool jpeg;
    ppi_h5 *file;
    int64_t file_bytes;
    int64_t column_limit; /* bytes, 0 = none */
    int64_t frame_bytes;
    int64_t block_rows;
    int64_t row_capacity;
    int32_t *actions; /* [steps] */
    float *rewards;   /* [steps] raw */
    uint8_t *flags;   /* [steps] PPI_STEP_* */
    ppi_episode *episodes;
    int64_t episode_capacity;
    pthread_mutex_t mutex; /* over what follows: several samplers may read one dataset */
    ppi_dataset_handle handles[PPI_DATASET_HANDLES];
    int64_t tick;
    uint8_t *packed; /* one stored chunk */
    size_t packed_capacity;
    uint8_t *spare;  /* one block, for pp_dataset_read; not under the mutex */
};

#endif
