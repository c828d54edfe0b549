/* `polyplay forward`: runs the network of a checkpoint once on named tensors from a file. */
#ifndef PPI_RUN_FORWARD_H
#define PPI_RUN_FORWARD_H

#include <stdint.h>

#include <polyplay/status.h>

#include "base/buf.h"
#include "base/options.h"

/* Rows of ppi_forward_option_table. */
typedef struct ppi_forward_options {
    char in[1024];  /* --in: safetensors with every input */
    char out[1024]; /* --out: safetensors written with every output */
    int64_t threads;
    int dtype; /* f32 unless bf16 is asked for */
} ppi_forward_options;
extern const ppi_option_table ppi_forward_option_table;

/* run: run folder or checkpoint folder. A missing input, or one of another dtype or shape, is an
   error that names it. */
pp_status ppi_forward(const char *run, const ppi_forward_options *options);
/* Appends one line per input and output tensor: name, dtype, shape. */
pp_status ppi_forward_list(const char *run, ppi_buf *out);

#endif
