/* Fuzz target: any bytes in place of metadata.json end in a dataset's facts and spaces or in a
 * failure; what was read once can be written and read again. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "data/meta.h"

#define PATH "fuzz_meta.json"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ppi_store_meta meta;
    ppi_meta_counts counts;
    ppi_spaces spaces;
    ppi_buf text = {0};
    FILE *file = fopen(PATH, "wb"); /* without the syncs of a safe write */
    if (!file) {
        return 0;
    }
    (void)fwrite(data, 1, size, file);
    fclose(file);
    (void)ppi_meta_load_spaces(&meta, &counts, &spaces, PATH);
    ppi_spaces_free(&spaces);
    if (ppi_meta_parse(&meta, &counts, (const char *)data, size, PATH) == PP_OK &&
        ppi_meta_header(&text, &meta) == PP_OK) {
        (void)ppi_meta_parse(&meta, &counts, text.data, text.len, PATH);
    }
    ppi_buf_free(&text);
    return 0;
}
