/* Fuzz target: any bytes in place of a dataset's HDF5 file, and of a collection's journal, end in
 * episodes that can be read or in a failure. The first byte chooses between the two. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/file.h"
#include "data/dataset.h"
#include "data/journal.h"

#define FOLDER "fuzz_dataset"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char metadata[] =
    "{\"total_episodes\": 1, \"total_steps\": 1, \"jpeg_encoding\": false, \"dataset_id\": \"f-v0\","
    "\"observation_space\": \"{\\\"type\\\": \\\"Box\\\", \\\"dtype\\\": \\\"uint8\\\", \\\"shape\\\": [6, 5]}\","
    "\"action_space\": \"{\\\"type\\\": \\\"Discrete\\\", \\\"n\\\": 4, \\\"start\\\": 0}\"}";

static void read_all(void) {
    ppi_dataset *dataset = NULL;
    if (ppi_dataset_open(&dataset, FOLDER) != PP_OK) {
        return;
    }
    int64_t frame = ppi_dataset_frame_bytes(dataset);
    uint8_t *obs = malloc((size_t)frame);
    for (int64_t e = 0; obs && e < ppi_dataset_episode_count(dataset); e++) {
        int64_t last = ppi_dataset_episode(dataset, e)->info.steps - 1;
        (void)pp_dataset_read(dataset, e, 0, 1, obs, NULL, NULL, NULL, NULL);
        (void)pp_dataset_read(dataset, e, last, 1, obs, NULL, NULL, NULL, NULL);
    }
    free(obs);
    ppi_dataset_close(dataset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1 || ppi_dir_remove(FOLDER) != PP_OK || ppi_dir_make(FOLDER "/data") != PP_OK) {
        return 0;
    }
    if (data[0] & 1) {
        (void)ppi_file_write_atomic(FOLDER "/data/journal.bin", data + 1, size - 1);
    } else {
        (void)ppi_file_write_atomic(FOLDER "/data/metadata.json", metadata, sizeof metadata - 1);
        (void)ppi_file_write_atomic(FOLDER "/data/main_data.hdf5", data + 1, size - 1);
    }
    read_all();
    return 0;
}
