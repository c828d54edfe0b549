/* Fuzz target: any bytes given to the npy reader end orderly, and accepted data lies inside the
 * input. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ppi_npy array;
    (void)ppi_npy_parse_header(&array, data, size);
    if (ppi_npy_parse(&array, data, size) != PP_OK) return 0;
    const uint8_t *payload = array.data;
    if (payload < data || array.data_bytes > size - (size_t)(payload - data)) abort();
    volatile uint8_t sum = 0;
    for (size_t i = 0; i < array.data_bytes; i++) sum = (uint8_t)(sum + payload[i]);
    return 0;
}
