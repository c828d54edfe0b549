/* One forward pass on tensors from a file. */
#include "run/forward.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "run/load.h"
#include "run/train.h"
#include "run/option_rows.h"
#include "tensor/safetensors.h"

#define FIELD(name) offsetof(ppi_forward_options, name)
#define MAX_IO      32

static const ppi_option rows[] = {
    {.name = "in",
     .type = PPI_OPT_STR,
     .offset = FIELD(in),
     .size = 1024,
     .def = "",
     .help = "safetensors file with every input."},
    {.name = "out",
     .type = PPI_OPT_STR,
     .offset = FIELD(out),
     .size = 1024,
     .def = "",
     .help = "safetensors file that is written with every output."},
    PPI_ROW_THREADS,
    PPI_ROW_DTYPE("f32"),
};
const ppi_option_table ppi_forward_option_table = {"forward", rows,
                                                   (int)(sizeof rows / sizeof rows[0])};

static const char *dtype_name(ppi_dtype dtype) {
    static const char *const names[PPI_DTYPE_COUNT] = {[PPI_F32] = "F32",
                                                       [PPI_BF16] = "BF16",
                                                       [PPI_F64] = "F64",
                                                       [PPI_I32] = "I32",
                                                       [PPI_U8] = "U8"};
    return dtype < PPI_DTYPE_COUNT ? names[dtype] : "?";
}

static pp_status load(ppi_loaded *l, ppi_options **set, const char *run, int dtype,
                      int64_t threads) {
    *set = NULL;
    PPI_TRY(ppi_options_create(set));
    PPI_TRY(ppi_loaded_open(l, run, *set));
    if (l->random) return ppi_fail(PP_ERR_ARGUMENT, "the policy 'random' has no network");
    return ppi_loaded_create(l, *set, "", 1, dtype, ppi_thread_count(threads));
}

/* Batch size: first dimension of the first input found in the file. */
static pp_status batch_of(const ppi_safetensors *st, const ppi_io_tensor *io, int n,
                          int64_t *batch) {
    for (int i = 0; i < n; i++) {
        if (io[i].output) continue;
        const ppi_st_tensor *t = NULL;
        PPI_TRY(ppi_safetensors_need(st, io[i].name, dtype_name(io[i].dtype), -1, NULL, &t));
        if (t->ndim < 1 || t->shape[0] < 1 || t->shape[0] > 65536) {
            return ppi_fail(PP_ERR_SHAPE, "input tensor '%s' needs a first dimension of 1..65536",
                            io[i].name);
        }
        *batch = t->shape[0];
        return PP_OK;
    }
    return ppi_fail(PP_ERR_UNSUPPORTED, "this network has no inputs to run it on");
}

static pp_status copy_inputs(const ppi_safetensors *st, const ppi_io_tensor *io, int n) {
    for (int i = 0; i < n; i++) {
        if (io[i].output) continue;
        const ppi_st_tensor *t = NULL;
        PPI_TRY(ppi_safetensors_need(st, io[i].name, dtype_name(io[i].dtype), io[i].shape.ndim,
                                     io[i].shape.dim, &t));
        memcpy(io[i].data, t->data, t->bytes);
    }
    return PP_OK;
}

static pp_status write_outputs(const char *path, const ppi_io_tensor *io, int n) {
    static const ppi_st_meta meta[] = {{"format", "polyplay"}};
    ppi_st_tensor out[MAX_IO];
    int count = 0;
    for (int i = 0; i < n; i++) {
        if (!io[i].output) continue;
        if (count == MAX_IO) {
            return ppi_fail(PP_ERR_UNSUPPORTED, "the network has more than %d outputs", MAX_IO);
        }
        ppi_st_tensor *t = &out[count++];
        memset(t, 0, sizeof *t);
        snprintf(t->name, sizeof t->name, "%s", io[i].name);
        snprintf(t->dtype, sizeof t->dtype, "%s", dtype_name(io[i].dtype));
        t->ndim = io[i].shape.ndim;
        for (int d = 0; d < t->ndim; d++) t->shape[d] = io[i].shape.dim[d];
        t->data = io[i].data;
        t->bytes = (size_t)ppi_shape_count(&io[i].shape) * ppi_dtype_size(io[i].dtype);
    }
    return ppi_safetensors_write(path, out, count, meta, 1, NULL);
}

static pp_status run_once(ppi_agent *agent, const ppi_safetensors *st, const char *out) {
    const ppi_io_tensor *io = NULL;
    int n = 0;
    int64_t batch = 1;
    PPI_TRY(ppi_agent_forward_setup(agent, 1, &io, &n));
    PPI_TRY(batch_of(st, io, n, &batch));
    if (batch != 1) PPI_TRY(ppi_agent_forward_setup(agent, batch, &io, &n));
    PPI_TRY(copy_inputs(st, io, n));
    PPI_TRY(ppi_agent_forward(agent));
    return write_outputs(out, io, n);
}

pp_status ppi_forward(const char *run, const ppi_forward_options *options) {
    if (options->in[0] == '\0')
        return ppi_fail(PP_ERR_ARGUMENT, "no inputs given; use --in FILE.safetensors");
    if (options->out[0] == '\0')
        return ppi_fail(PP_ERR_ARGUMENT, "no place for the outputs; use --out FILE.safetensors");
    ppi_loaded l = {0};
    ppi_options *set = NULL;
    ppi_safetensors *st = NULL;
    pp_status s = ppi_safetensors_open(&st, options->in);
    if (s == PP_OK) s = load(&l, &set, run, options->dtype, options->threads);
    if (s == PP_OK) s = run_once(l.agent, st, options->out);
    ppi_safetensors_close(st);
    ppi_loaded_close(&l);
    ppi_options_destroy(set);
    return s;
}

pp_status ppi_forward_list(const char *run, ppi_buf *out) {
    ppi_loaded l = {0};
    ppi_options *set = NULL;
    const ppi_io_tensor *io = NULL;
    int n = 0;
    pp_status s = load(&l, &set, run, PPI_DTYPE_USE_F32, 1);
    if (s == PP_OK) s = ppi_agent_forward_setup(l.agent, 1, &io, &n);
    for (int i = 0; i < n && s == PP_OK; i++) {
        ppi_buf_printf(out, "%-3s %-16s %-4s [B", io[i].output ? "out" : "in", io[i].name,
                       dtype_name(io[i].dtype));
        for (int d = 1; d < io[i].shape.ndim; d++)
            ppi_buf_printf(out, ",%" PRId64, io[i].shape.dim[d]);
        s = ppi_buf_append_text(out, "]\n");
    }
    ppi_loaded_close(&l);
    ppi_options_destroy(set);
    return s;
}
