/* Fuzz target: any bytes in place of a dataset's HDF5 file, and of a collection's journal, end in
 * episodes that can be read or in a failure. The first byte chooses: odd is a journal; even is an
 * HDF5 file for frames (0), for a tree of numbers and texts (2) or for JPEG images (4). */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "data/dataset.h"

#define FOLDER "fuzz_dataset"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define Q "\\\"" /* a quote inside a space, which is JSON inside a JSON string */
#define BOX(dtype, shape) \
    "{" Q "type" Q ":" Q "Box" Q "," Q "dtype" Q ":" Q dtype Q "," Q "shape" Q ":" shape "}"
#define DICT(members) "{" Q "type" Q ":" Q "Dict" Q "," Q "subspaces" Q ":{" members "}}"
#define DISCRETE "{" Q "type" Q ":" Q "Discrete" Q "," Q "n" Q ":4}"
#define METADATA(jpeg, observation)                                                                \
    "{\"total_episodes\": 1, \"total_steps\": 1, " jpeg "\"dataset_id\": \"f-v0\","                \
    "\"observation_space\": \"" observation "\", \"action_space\": \"" DISCRETE "\"}"

static const char *const metadata[] = {
    METADATA("\"jpeg_encoding\": false, ", BOX("uint8", "[6,5]")),
    METADATA("", DICT(Q "text" Q ":{" Q "type" Q ":" Q "Text" Q "," Q "max_length" Q ":9},"
                      Q "bits" Q ":{" Q "type" Q ":" Q "MultiBinary" Q "," Q "n" Q ":4},"
                      Q "wide" Q ":" BOX("float64", "[2,3]") ","
                      Q "small" Q ":" BOX("uint8", "[]") ","
                      Q "pair" Q ":{" Q "type" Q ":" Q "Tuple" Q "," Q "subspaces" Q ":["
                      BOX("bool", "[3]") "," DISCRETE "]}")),
    METADATA("", DICT(Q "grey" Q ":" BOX("uint8", "[32,33]") ","
                      Q "colour" Q ":" BOX("uint8", "[33,32,3]"))),
};

/* Without the syncs of a safe write. */
static void put(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    if (file) {
        (void)fwrite(bytes, 1, size, file);
        fclose(file);
    }
}

static void read_all(void) {
    ppi_dataset *dataset = NULL;
    ppi_dataset_report report;
    if (ppi_dataset_open(&dataset, FOLDER) == PP_OK) {
        (void)ppi_dataset_validate(dataset, &report);
        ppi_dataset_close(dataset);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1 || ppi_dir_remove(FOLDER) != PP_OK || ppi_dir_make(FOLDER "/data") != PP_OK) {
        return 0;
    }
    if (data[0] & 1) {
        put(FOLDER "/data/journal.bin", data + 1, size - 1);
    } else {
        const char *text = metadata[data[0] / 2 % 3];
        put(FOLDER "/data/metadata.json", text, strlen(text));
        put(FOLDER "/data/main_data.hdf5", data + 1, size - 1);
    }
    read_all();
    return 0;
}
