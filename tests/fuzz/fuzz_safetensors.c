/* Fuzz target: any bytes given to the tensor reader end in tensors inside the buffer or a failure. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "tensor/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ppi_safetensors *st = NULL;
    if (ppi_safetensors_parse(&st, data, size, "input") != PP_OK) return 0;
    for (int i = 0; i < ppi_safetensors_count(st); i++) {
        const ppi_st_tensor *t = ppi_safetensors_at(st, i);
        const uint8_t *begin = t->data;
        if (begin < data || begin + t->bytes > data + size) abort();
        if (ppi_safetensors_find(st, t->name) == NULL) abort();
    }
    (void)ppi_safetensors_meta(st, "format");
    ppi_safetensors_close(st);
    return 0;
}
