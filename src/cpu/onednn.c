/* Matrix products and convolutions by oneDNN; the only file that includes its header. oneDNN
   changed its C API between 2.x and 3.x, so every call that differs is wrapped at the top.
   Primitives and memory objects are made in setup; a run only executes them. Scratch memory comes
   from the plan's workspace. An operand whose type the primitive does not take is converted in the
   workspace first. */
#include <dnnl.h>
#include <omp.h>
#include <pthread.h>
#include <string.h>

#include "base/cpu.h"
#include "base/error.h"
#include "base/mem.h"
#include "cpu/kernels.h"

#if DNNL_VERSION_MAJOR < 3
typedef const dnnl_memory_desc_t *dn_md_ref;
#define DN_REF(md) (&(md))
#else
typedef const_dnnl_memory_desc_t dn_md_ref;
#define DN_REF(md) (md)
#endif

static dnnl_engine_t dn_engine;
static dnnl_stream_t dn_stream;
static pthread_once_t dn_once = PTHREAD_ONCE_INIT;

static void dn_start(void) {
    if (dnnl_engine_create(&dn_engine, dnnl_cpu, 0) != dnnl_success) {
        dn_engine = NULL;
        return;
    }
    if (dnnl_stream_create(&dn_stream, dn_engine, dnnl_stream_default_flags) != dnnl_success)
        dn_stream = NULL;
}

static bool dn_ready(void) {
    pthread_once(&dn_once, dn_start);
    return dn_engine && dn_stream;
}

void ppi_onednn_limit_isa(void) {
    /* A failure only means that primitives exist already, or the build fixed the set: then it stays
     * as it is. */
    if (ppi_cpu_isa() >= ppi_cpu_isa_detected()) return;
    if (ppi_cpu_isa() == PPI_ISA_AVX512) {
        (void)dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx512_core);
    } else {
        (void)dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx2);
    }
}

const char *ppi_onednn_version(void) {
#define DN_TEXT_(x) #x
#define DN_TEXT(x)  DN_TEXT_(x)
    return "oneDNN " DN_TEXT(DNNL_VERSION_MAJOR) "." DN_TEXT(DNNL_VERSION_MINOR) "." DN_TEXT(
        DNNL_VERSION_PATCH);
}

/* ---- what differs between 2.x and 3.x ---- */

static dnnl_data_type_t dn_type(ppi_dtype t) {
    return t == PPI_BF16 ? dnnl_bf16 : dnnl_f32;
}

static dnnl_status_t dn_md_strides(dnnl_memory_desc_t *md, int n, const int64_t *dims, ppi_dtype t,
                                   const int64_t *strides) {
    dnnl_dims_t d, s;
    for (int i = 0; i < n; i++) {
        d[i] = dims[i];
        s[i] = strides[i];
    }
#if DNNL_VERSION_MAJOR < 3
    return dnnl_memory_desc_init_by_strides(md, n, d, dn_type(t), s);
#else
    return dnnl_memory_desc_create_with_strides(md, n, d, dn_type(t), s);
#endif
}

static dnnl_status_t dn_md_tag(dnnl_memory_desc_t *md, int n, const int64_t *dims, ppi_dtype t,
                               dnnl_format_tag_t tag) {
    dnnl_dims_t d;
    for (int i = 0; i < n; i++) d[i] = dims[i];
#if DNNL_VERSION_MAJOR < 3
    return dnnl_memory_desc_init_by_tag(md, n, d, dn_type(t), tag);
#else
    return dnnl_memory_desc_create_with_tag(md, n, d, dn_type(t), tag);
#endif
}

static void dn_md_free(dnnl_memory_desc_t *md) {
#if DNNL_VERSION_MAJOR >= 3
    if (*md) dnnl_memory_desc_destroy(*md);
#endif
    memset(md, 0, sizeof *md);
}

static dnnl_status_t dn_eltwise(dnnl_post_ops_t po, dnnl_alg_kind_t alg) {
#if DNNL_VERSION_MAJOR < 3
    return dnnl_post_ops_append_eltwise(po, 1.0f, alg, 0.0f, 0.0f);
#else
    return dnnl_post_ops_append_eltwise(po, alg, 0.0f, 0.0f);
#endif
}

static dnnl_status_t dn_sum(dnnl_post_ops_t po) {
#if DNNL_VERSION_MAJOR < 3
    return dnnl_post_ops_append_sum(po, 1.0f);
#else
    return dnnl_post_ops_append_sum(po, 1.0f, 0, dnnl_data_type_undef);
#endif
}

static dnnl_status_t dn_reorder_pd(dnnl_primitive_desc_t *pd, dn_md_ref from, dn_md_ref to,
                                   dnnl_primitive_attr_t attr) {
    return dnnl_reorder_primitive_desc_create(pd, from, dn_engine, to, dn_engine, attr);
}

/* ---- a node as oneDNN sees it ---- */

typedef enum dn_kind { DN_MATMUL, DN_CONV, DN_CONV_GRAD_X, DN_CONV_GRAD_W } dn_kind;

/* Roles of memory in a job: the three inputs and the output of the primitive. */
enum { DN_SRC, DN_WEIGHT, DN_BIAS, DN_DST, DN_ROLES };

/* Elements of a transposed left side, and rows of a product, from which preparing an operand pays.
 */
enum { DN_FLIP_FROM = 65536, DN_PACK_FROM = 256 };

/* One memory of the primitive: the tensor behind it, the type the primitive wants, and where in the
   workspace a converted or packed copy lies. */
typedef struct dn_part {
    bool used;
    bool staged;  /* type differs from the tensor's: converted copy in the workspace */
    bool flipped; /* the copy in the workspace is the transpose */
    bool packed;  /* layout differs: the primitive's own layout in the workspace */
    bool paired;  /* the packed layout is that of ppi_cpu_pack_pairs, which is faster than a reorder */
    bool kept;    /* the packed copy is ours and stays from run to run */
    int in;       /* index of the node's input, -1: output 0, -2: output 1 */
    int arg;      /* DNNL_ARG_... */
    ppi_dtype type, tensor_type;
    int64_t count;
    int64_t rows, cols; /* of a layout left open */
    bool trans;         /* the tensor holds the transpose of that */
    dnnl_memory_desc_t plain;  /* the tensor's dense layout in `type` */
    dnnl_memory_desc_t wanted; /* plain, or layout left open */
    size_t stage_at, pack_at;  /* offsets in the workspace */
    dnnl_primitive_desc_t pack_pd;
} dn_part;

typedef struct dn_job {
    dn_kind kind;
    dn_part part[DN_ROLES];
    ppi_act act;    /* activation done by the primitive */
    bool sum;       /* output added to what is there by the primitive */
    bool add_after; /* output added by us from the staged copy */
    bool own_act;   /* activation done by us, from output 1 to output 0 */
    int64_t stride, before[2], behind[2]; /* padding of rows and columns */
    dnnl_primitive_attr_t attr;
    dnnl_primitive_desc_t pd;
    size_t scratch_at, bytes;
} dn_job;

/* A job made ready to run. */
typedef struct dn_state {
    dn_job job;
    dnnl_primitive_t prim;
    dnnl_primitive_t pack[DN_ROLES];
    dnnl_memory_t mem[DN_ROLES];       /* what the primitive reads and writes */
    dnnl_memory_t plain_mem[DN_ROLES]; /* the other end of a packing reorder */
    dnnl_memory_t scratch;
    void *kept;            /* packed weights */
    uint64_t kept_version; /* of the weights that were packed */
    dnnl_exec_arg_t args[DN_ROLES + 1];
    dnnl_exec_arg_t pack_args[DN_ROLES][2];
    int n_args;
} dn_state;

static void dn_job_free(dn_job *j) {
    for (int r = 0; r < DN_ROLES; r++) {
        dn_part *p = &j->part[r];
        if (!p->used) continue;
        dn_md_free(&p->plain);
        dn_md_free(&p->wanted);
        if (p->pack_pd) dnnl_primitive_desc_destroy(p->pack_pd);
    }
    if (j->pd) dnnl_primitive_desc_destroy(j->pd);
    if (j->attr) dnnl_primitive_attr_destroy(j->attr);
    memset(j, 0, sizeof *j);
}

static dnnl_alg_kind_t dn_alg(ppi_act act) {
    static const dnnl_alg_kind_t alg[PPI_ACT_COUNT] = {
        [PPI_ACT_NONE] = dnnl_alg_kind_undef,         [PPI_ACT_RELU] = dnnl_eltwise_relu,
        [PPI_ACT_GELU_TANH] = dnnl_eltwise_gelu_tanh, [PPI_ACT_GELU_ERF] = dnnl_eltwise_gelu_erf,
        [PPI_ACT_TANH] = dnnl_eltwise_tanh,
    };
    return alg[act];
}

static bool dn_attr(dn_job *j) {
    if (dnnl_primitive_attr_create(&j->attr) != dnnl_success) return false;
    if (dnnl_primitive_attr_set_scratchpad_mode(j->attr, dnnl_scratchpad_mode_user) != dnnl_success)
        return false;
    if (j->act == PPI_ACT_NONE && !j->sum) return true;
    dnnl_post_ops_t po = NULL;
    if (dnnl_post_ops_create(&po) != dnnl_success) return false;
    bool ok = true;
    if (j->sum) ok = dn_sum(po) == dnnl_success;
    if (ok && j->act != PPI_ACT_NONE) ok = dn_eltwise(po, dn_alg(j->act)) == dnnl_success;
    if (ok) ok = dnnl_primitive_attr_set_post_ops(j->attr, po) == dnnl_success;
    dnnl_post_ops_destroy(po);
    return ok;
}

/* Makes j->pd from the wanted layouts. */
static bool dn_primitive_desc(dn_job *j) {
    const dn_md_ref src = DN_REF(j->part[DN_SRC].wanted);
    const dn_md_ref wei = DN_REF(j->part[DN_WEIGHT].wanted);
    const dn_md_ref bias = j->part[DN_BIAS].used ? DN_REF(j->part[DN_BIAS].wanted) : NULL;
    const dn_md_ref dst = DN_REF(j->part[DN_DST].wanted);
    const dnnl_dims_t strides = {j->stride, j->stride};
    const dnnl_dims_t before = {j->before[0], j->before[1]};
    const dnnl_dims_t behind = {j->behind[0], j->behind[1]};
    const dnnl_alg_kind_t direct = dnnl_convolution_direct;
#if DNNL_VERSION_MAJOR < 3
    if (j->kind == DN_MATMUL) {
        dnnl_matmul_desc_t d;
        return dnnl_matmul_desc_init(&d, src, wei, bias, dst) == dnnl_success &&
               dnnl_primitive_desc_create(&j->pd, &d, j->attr, dn_engine, NULL) == dnnl_success;
    }
    dnnl_convolution_desc_t d;
    dnnl_status_t s = dnnl_success;
    dnnl_primitive_desc_t hint = NULL;
    if (j->kind == DN_CONV) {
        s = dnnl_convolution_forward_desc_init(&d, dnnl_forward_training, direct, src, wei, bias,
                                               dst, strides, before, behind);
    } else {
        /* src is the gradient of the output here; a forward descriptor of the same shapes is the
         * hint. */
        const dn_md_ref x = j->kind == DN_CONV_GRAD_X ? dst : wei;
        const dn_md_ref w = j->kind == DN_CONV_GRAD_X ? wei : dst;
        s = dnnl_convolution_forward_desc_init(&d, dnnl_forward_training, direct, x, w, NULL, src,
                                               strides, before, behind);
        if (s == dnnl_success) s = dnnl_primitive_desc_create(&hint, &d, NULL, dn_engine, NULL);
        if (s == dnnl_success) {
            s = j->kind == DN_CONV_GRAD_X
                    ? dnnl_convolution_backward_data_desc_init(&d, direct, dst, wei, src, strides,
                                                               before, behind)
                    : dnnl_convolution_backward_weights_desc_init(&d, direct, wei, dst, NULL, src,
                                                                  strides, before, behind);
        }
    }
    if (s == dnnl_success) s = dnnl_primitive_desc_create(&j->pd, &d, j->attr, dn_engine, hint);
    if (hint) dnnl_primitive_desc_destroy(hint);
    return s == dnnl_success;
#else
    if (j->kind == DN_MATMUL) {
        return dnnl_matmul_primitive_desc_create(&j->pd, dn_engine, src, wei, bias, dst, j->attr) ==
               dnnl_success;
    }
    const dnnl_dims_t dilate = {0, 0};
    if (j->kind == DN_CONV) {
        return dnnl_convolution_forward_primitive_desc_create(
                   &j->pd, dn_engine, dnnl_forward_training, direct, src, wei, bias, dst, strides,
                   dilate, before, behind, j->attr) == dnnl_success;
    }
    dnnl_primitive_desc_t hint = NULL;
    const dn_md_ref x = j->kind == DN_CONV_GRAD_X ? dst : wei;
    const dn_md_ref w = j->kind == DN_CONV_GRAD_X ? wei : dst;
    dnnl_status_t s = dnnl_convolution_forward_primitive_desc_create(
        &hint, dn_engine, dnnl_forward_training, direct, x, w, NULL, src, strides, dilate, before,
        behind, NULL);
    if (s == dnnl_success) {
        s = j->kind == DN_CONV_GRAD_X ? dnnl_convolution_backward_data_primitive_desc_create(
                                            &j->pd, dn_engine, direct, dst, wei, src, strides,
                                            dilate, before, behind, hint, j->attr)
                                      : dnnl_convolution_backward_weights_primitive_desc_create(
                                            &j->pd, dn_engine, direct, wei, dst, NULL, src, strides,
                                            dilate, before, behind, hint, j->attr);
    }
    if (hint) dnnl_primitive_desc_destroy(hint);
    return s == dnnl_success;
#endif
}

/* The layout the primitive chose for a role. */
static dn_md_ref dn_chosen(const dn_job *j, int role) {
    static const dnnl_query_t query[4][DN_ROLES] = {
        [DN_MATMUL] = {dnnl_query_src_md, dnnl_query_weights_md, dnnl_query_weights_md,
                       dnnl_query_dst_md},
        [DN_CONV] = {dnnl_query_src_md, dnnl_query_weights_md, dnnl_query_weights_md,
                     dnnl_query_dst_md},
        [DN_CONV_GRAD_X] = {dnnl_query_diff_dst_md, dnnl_query_weights_md, dnnl_query_weights_md,
                            dnnl_query_diff_src_md},
        [DN_CONV_GRAD_W] = {dnnl_query_diff_dst_md, dnnl_query_src_md, dnnl_query_weights_md,
                            dnnl_query_diff_weights_md},
    };
    return dnnl_primitive_desc_query_md(j->pd, query[j->kind][role], role == DN_BIAS ? 1 : 0);
}

static size_t dn_reserve(dn_job *j, size_t bytes) {
    const size_t at = j->bytes;
    j->bytes += (bytes + 63) / 64 * 64;
    return at;
}

/* True when the layout chosen for a role is the one that we pack ourselves. */
static bool dn_pairs(const dn_job *j, int role) {
    const dn_part *p = &j->part[role];
    dnnl_memory_desc_t pairs;
    if (p->type != PPI_BF16 || p->rows == 0 || role == DN_DST) return false;
    memset(&pairs, 0, sizeof pairs);
    const bool same = dn_md_tag(&pairs, 2, (const int64_t[2]){p->rows, p->cols}, p->type,
                                dnnl_BA16a64b2a) == dnnl_success &&
                      dnnl_memory_desc_equal(dn_chosen(j, role), DN_REF(pairs));
    dn_md_free(&pairs);
    return same;
}

/* Lays out the workspace: converted copies, packed copies, scratch. `keep`: packed weights lie
 * elsewhere. */
static bool dn_layout(dn_job *j, bool keep) {
    for (int r = 0; r < DN_ROLES; r++) {
        dn_part *p = &j->part[r];
        if (!p->used) continue;
        if (p->staged || (r == DN_DST && j->add_after))
            p->stage_at = dn_reserve(j, (size_t)p->count * ppi_dtype_size(p->type));
        const dn_md_ref chosen = dn_chosen(j, r);
        p->packed = !dnnl_memory_desc_equal(chosen, DN_REF(p->plain));
        if (!p->packed) continue;
        p->kept = r == DN_WEIGHT && keep && !p->staged;
        if (!p->kept) p->pack_at = dn_reserve(j, dnnl_memory_desc_get_size(chosen));
        p->paired = dn_pairs(j, r);
        if (p->paired) continue;
        const dn_md_ref plain = DN_REF(p->plain);
        if (dn_reorder_pd(&p->pack_pd, r == DN_DST ? chosen : plain, r == DN_DST ? plain : chosen,
                          NULL) != dnnl_success)
            return false;
    }
    j->scratch_at = dn_reserve(j, dnnl_memory_desc_get_size(dnnl_primitive_desc_query_md(
                                      j->pd, dnnl_query_scratchpad_md, 0)));
    return true;
}

/* ---- from a node to a job ---- */

static bool dn_float(ppi_dtype t) {
    return t == PPI_F32 || t == PPI_BF16;
}

static void dn_use(dn_job *j, int role, const ppi_operand *o, int in, int arg) {
    j->part[role] = (dn_part){.used = true,
                              .in = in,
                              .arg = arg,
                              .tensor_type = o->dtype,
                              .count = ppi_shape_count(&o->shape)};
}

/* Sets the types the primitive computes with: bf16 operands when `bf16`, else f32. */
static void dn_set_types(dn_job *j, bool bf16) {
    for (int r = 0; r < DN_ROLES; r++) {
        dn_part *p = &j->part[r];
        const bool operand = r == DN_SRC || r == DN_WEIGHT;
        p->type = !bf16 ? PPI_F32 : operand ? PPI_BF16 : p->tensor_type;
        p->staged = p->used && p->type != p->tensor_type;
    }
}

/* Rows and columns of a tensor whose leading dims are flattened. */
static void dn_matrix(const ppi_shape *s, int64_t *rows, int64_t *cols) {
    *cols = s->dim[s->ndim - 1];
    *rows = *cols > 0 ? ppi_shape_count(s) / *cols : 0;
}

static bool dn_matrix_md(dnnl_memory_desc_t *plain, dnnl_memory_desc_t *wanted, ppi_dtype t,
                         int64_t rows, int64_t cols, bool trans) {
    const int64_t dims[2] = {trans ? cols : rows, trans ? rows : cols};
    const int64_t strides[2] = {trans ? 1 : cols, trans ? cols : 1};
    return dn_md_strides(plain, 2, dims, t, strides) == dnnl_success &&
           dn_md_strides(wanted, 2, dims, t, strides) == dnnl_success;
}

/* The layout of a role [rows, cols] is the primitive's choice. */
static bool dn_leave_open(dn_part *p, int64_t rows, int64_t cols, bool trans) {
    p->rows = rows;
    p->cols = cols;
    p->trans = trans;
    dn_md_free(&p->wanted);
    return dn_md_tag(&p->wanted, 2, (const int64_t[2]){rows, cols}, p->type, dnnl_format_tag_any) ==
           dnnl_success;
}

/* A transposed left side is transposed by us first, which oneDNN does slowly; a right side that
   many rows use is packed first. */
static bool dn_matmul_layouts(dn_job *j, const ppi_kernel_args *a, bool trans_a, bool trans_b) {
    int64_t rows, cols;
    dn_part *p = j->part;
    dn_matrix(&a->in[0].shape, &rows, &cols);
    if (trans_a && rows * cols >= DN_FLIP_FROM && !p[DN_SRC].staged) {
        p[DN_SRC].staged = true;
        p[DN_SRC].flipped = true;
        if (!dn_matrix_md(&p[DN_SRC].plain, &p[DN_SRC].wanted, p[DN_SRC].type, cols, rows, false))
            return false;
    } else if (!dn_matrix_md(&p[DN_SRC].plain, &p[DN_SRC].wanted, p[DN_SRC].type, rows, cols,
                             trans_a)) {
        return false;
    }
    const bool pack = rows >= DN_PACK_FROM;
    dn_matrix(&a->in[1].shape, &rows, &cols);
    if (!dn_matrix_md(&p[DN_WEIGHT].plain, &p[DN_WEIGHT].wanted, p[DN_WEIGHT].type, rows, cols,
                      trans_b))
        return false;
    if (pack && !dn_leave_open(&p[DN_WEIGHT], trans_b ? cols : rows, trans_b ? rows : cols, trans_b))
        return false;
    dn_matrix(&a->out[0].shape, &rows, &cols);
    if (!dn_matrix_md(&p[DN_DST].plain, &p[DN_DST].wanted, p[DN_DST].type, rows, cols, false))
        return false;
    if (!p[DN_BIAS].used) return true;
    return dn_matrix_md(&p[DN_BIAS].plain, &p[DN_BIAS].wanted, p[DN_BIAS].type, 1, cols, false);
}

/* [B,H,W,C] as oneDNN's logical N,C,H,W. */
static bool dn_image_md(dn_part *p, const ppi_shape *s) {
    const int64_t dims[4] = {s->dim[0], s->dim[3], s->dim[1], s->dim[2]};
    return dn_md_tag(&p->plain, 4, dims, p->type, dnnl_nhwc) == dnnl_success &&
           dn_md_tag(&p->wanted, 4, dims, p->type, dnnl_nhwc) == dnnl_success;
}

/* [KH,KW,C,O] as oneDNN's logical O,C,KH,KW, packed as the primitive likes. */
static bool dn_filter_md(dn_part *p, const ppi_shape *s) {
    const int64_t dims[4] = {s->dim[3], s->dim[2], s->dim[0], s->dim[1]};
    return dn_md_tag(&p->plain, 4, dims, p->type, dnnl_hwio) == dnnl_success &&
           dn_md_tag(&p->wanted, 4, dims, p->type, dnnl_format_tag_any) == dnnl_success;
}

static bool dn_conv_layouts(dn_job *j, const ppi_kernel_args *a) {
    dn_part *p = j->part;
    const bool grad_w = j->kind == DN_CONV_GRAD_W;
    if (!dn_image_md(&p[DN_SRC], &a->in[0].shape)) return false;
    if (!(grad_w ? dn_image_md(&p[DN_WEIGHT], &a->in[1].shape)
                 : dn_filter_md(&p[DN_WEIGHT], &a->in[1].shape)))
        return false;
    if (!(grad_w ? dn_filter_md(&p[DN_DST], &a->out[0].shape)
                 : dn_image_md(&p[DN_DST], &a->out[0].shape)))
        return false;
    if (!p[DN_BIAS].used) return true;
    const int64_t dims[1] = {a->in[2].shape.dim[0]};
    return dn_md_tag(&p[DN_BIAS].plain, 1, dims, p[DN_BIAS].type, dnnl_a) == dnnl_success &&
           dn_md_tag(&p[DN_BIAS].wanted, 1, dims, p[DN_BIAS].type, dnnl_a) == dnnl_success;
}

typedef struct dn_flags {
    bool trans_a, trans_b;
} dn_flags;

/* Completes a job whose kind, parts and activation are set. */
static bool dn_job_finish(dn_job *j, const ppi_kernel_args *a, dn_flags f, bool bf16) {
    dn_set_types(j, bf16);
    const bool out_staged = j->part[DN_DST].staged;
    j->sum = a->accumulate && j->kind == DN_MATMUL && !out_staged && j->act == PPI_ACT_NONE &&
             !j->own_act;
    j->add_after = a->accumulate && !j->sum && !j->own_act;
    const bool ok = j->kind == DN_MATMUL ? dn_matmul_layouts(j, a, f.trans_a, f.trans_b)
                                         : dn_conv_layouts(j, a);
    return ok && dn_attr(j) && dn_primitive_desc(j) &&
           dn_layout(j, a->weight_version != NULL);
}

/* Zero rows and columns around the image of a convolution: before the first and behind the last. */
static void dn_padding(dn_job *j, const ppi_kernel_args *a) {
    const ppi_shape *filter = j->kind == DN_CONV_GRAD_W ? &a->out[0].shape : &a->in[1].shape;
    const int64_t size[2] = {a->params.conv.h, a->params.conv.w};
    for (int i = 0; i < 2; i++) {
        const bool same = a->params.conv.same;
        j->before[i] = ppi_padding_before(same, a->params.conv.pad, size[i], filter->dim[i],
                                          a->params.conv.stride);
        j->behind[i] = ppi_padding_behind(same, a->params.conv.pad, size[i], filter->dim[i],
                                          a->params.conv.stride);
    }
}

/* Multiply-adds below which a second thread costs more than it saves. */
enum { DN_TEAM_FROM = 1 << 20 };

/* Threads that a job is worth. */
static int dn_threads(const ppi_kernel_args *a, dn_kind kind) {
    const ppi_operand *side = kind == DN_CONV ? &a->out[0] : &a->in[0];
    const ppi_shape *filter = kind == DN_CONV_GRAD_W ? &a->out[0].shape : &a->in[1].shape;
    const ppi_shape *y = kind == DN_MATMUL ? &a->out[0].shape : &side->shape;
    const int64_t last = y->dim[y->ndim - 1];
    const int64_t each = kind == DN_MATMUL ? last : ppi_shape_count(filter) / (last > 0 ? last : 1);
    return ppi_shape_count(&side->shape) * each < DN_TEAM_FROM ? 1 : a->threads;
}

/* Writes into *j the job of a node of `kind`; false when oneDNN cannot do it. `pre`: output 1 is
 * wanted. */
static bool dn_job_make(dn_job *j, const ppi_kernel_args *a, dn_kind kind, bool linear, bool pre) {
    memset(j, 0, sizeof *j);
    if (!dn_ready() || a->n_in < 2) return false;
    for (int i = 0; i < a->n_in; i++) {
        if (!dn_float(a->in[i].dtype)) return false;
    }
    if (!dn_float(a->out[0].dtype) || ppi_shape_count(&a->out[0].shape) <= 0 ||
        ppi_shape_count(&a->in[0].shape) <= 0)
        return false;
    const bool any_bf16 = a->in[0].dtype == PPI_BF16 || a->in[1].dtype == PPI_BF16;
    const dn_flags flags = {kind == DN_MATMUL && !linear && a->params.matmul.trans_a,
                            kind == DN_MATMUL && !linear && a->params.matmul.trans_b};
    omp_set_num_threads(dn_threads(a, kind));
    for (int bf16 = any_bf16 ? 1 : 0; bf16 >= 0; bf16--) {
        memset(j, 0, sizeof *j);
        j->kind = kind;
        static const int args[4][DN_ROLES] = {
            [DN_MATMUL] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS, DNNL_ARG_DST},
            [DN_CONV] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS, DNNL_ARG_DST},
            [DN_CONV_GRAD_X] = {DNNL_ARG_DIFF_DST, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS,
                                DNNL_ARG_DIFF_SRC},
            [DN_CONV_GRAD_W] = {DNNL_ARG_DIFF_DST, DNNL_ARG_SRC, DNNL_ARG_BIAS,
                                DNNL_ARG_DIFF_WEIGHTS},
        };
        dn_use(j, DN_SRC, &a->in[0], 0, args[kind][DN_SRC]);
        dn_use(j, DN_WEIGHT, &a->in[1], 1, args[kind][DN_WEIGHT]);
        if ((linear || kind == DN_CONV) && a->n_in > 2)
            dn_use(j, DN_BIAS, &a->in[2], 2, args[kind][DN_BIAS]);
        dn_use(j, DN_DST, &a->out[pre ? 1 : 0], pre ? -2 : -1, args[kind][DN_DST]);
        j->own_act = pre;
        if (linear && !pre) j->act = a->params.act.act;
        if (kind != DN_MATMUL) {
            j->stride = a->params.conv.stride;
            dn_padding(j, a);
            if (kind == DN_CONV) j->act = a->params.conv.act;
        }
        if (dn_job_finish(j, a, flags, bf16 != 0)) return true;
        dn_job_free(j);
    }
    return false;
}

/* ---- the life of a kernel ---- */

static bool dn_accepts(const ppi_kernel_args *a, dn_kind kind, bool linear) {
    dn_job j;
    if (!dn_job_make(&j, a, kind, linear, false)) return false;
    dn_job_free(&j);
    return true;
}

/* A result that goes through an activation cannot be added to what is there. */
static bool dn_can_add(const ppi_kernel_args *a, bool linear) {
    return !a->accumulate || !linear || a->params.act.act == PPI_ACT_NONE;
}

static size_t dn_workspace(const ppi_kernel_args *a, dn_kind kind, bool linear) {
    size_t bytes = 0;
    dn_job j;
    if (dn_job_make(&j, a, kind, linear, false)) {
        bytes = j.bytes;
        dn_job_free(&j);
    }
    if (linear && a->n_out > 1 && dn_job_make(&j, a, kind, linear, true)) {
        if (j.bytes > bytes) bytes = j.bytes;
        dn_job_free(&j);
    }
    return bytes;
}

static void dn_state_free(dn_state *s) {
    for (int r = 0; r < DN_ROLES; r++) {
        if (s->mem[r]) dnnl_memory_destroy(s->mem[r]);
        if (s->plain_mem[r]) dnnl_memory_destroy(s->plain_mem[r]);
        if (s->pack[r]) dnnl_primitive_destroy(s->pack[r]);
    }
    if (s->scratch) dnnl_memory_destroy(s->scratch);
    if (s->prim) dnnl_primitive_destroy(s->prim);
    ppi_aligned_free(s->kept);
    dn_job_free(&s->job);
    ppi_free(s);
}

/* Tensor behind a part. */
static void *dn_tensor(const ppi_kernel_args *a, const dn_part *p) {
    return p->in >= 0 ? a->in[p->in].data : a->out[-1 - p->in].data;
}

/* Makes the memory objects of one role; `direct` is where the dense data in the primitive's type
 * lies. */
static dnnl_status_t dn_bind(dn_state *s, int r, void *direct, char *workspace) {
    dn_part *p = &s->job.part[r];
    if (!p->packed) {
        return dnnl_memory_create(&s->mem[r], DN_REF(p->plain), dn_engine, direct);
    }
    void *packed = workspace + p->pack_at;
    if (p->kept) {
        s->kept = ppi_aligned_alloc64(dnnl_memory_desc_get_size(dn_chosen(&s->job, r)));
        if (!s->kept) return dnnl_out_of_memory;
        packed = s->kept;
    }
    dnnl_status_t st =
        dnnl_memory_create(&s->mem[r], dn_chosen(&s->job, r), dn_engine, packed);
    if (p->paired) return st;
    if (st == dnnl_success)
        st = dnnl_memory_create(&s->plain_mem[r], DN_REF(p->plain), dn_engine, direct);
    if (st == dnnl_success) st = dnnl_primitive_create(&s->pack[r], p->pack_pd);
    const bool out = r == DN_DST;
    s->pack_args[r][0] = (dnnl_exec_arg_t){DNNL_ARG_FROM, out ? s->mem[r] : s->plain_mem[r]};
    s->pack_args[r][1] = (dnnl_exec_arg_t){DNNL_ARG_TO, out ? s->plain_mem[r] : s->mem[r]};
    return st;
}

static pp_status dn_setup(ppi_kernel_args *a, dn_kind kind, bool linear) {
    dn_state *s = ppi_calloc(1, sizeof *s);
    if (!s) return ppi_oom("oneDNN state");
    const bool pre = linear && a->n_out > 1 && a->out[1].data;
    if (!dn_job_make(&s->job, a, kind, linear, pre)) {
        ppi_free(s);
        return ppi_fail(PP_ERR_INTERNAL, "oneDNN no longer makes a primitive that it accepted");
    }
    char *workspace = a->workspace;
    s->kept_version = a->weight_version ? *a->weight_version - 1 : 0; /* nothing packed yet */
    dnnl_status_t st = dnnl_primitive_create(&s->prim, s->job.pd);
    for (int r = 0; r < DN_ROLES && st == dnnl_success; r++) {
        const dn_part *p = &s->job.part[r];
        if (!p->used) continue;
        const bool staged = p->staged || (r == DN_DST && s->job.add_after);
        st = dn_bind(s, r, staged ? workspace + p->stage_at : dn_tensor(a, p), workspace);
        s->args[s->n_args++] = (dnnl_exec_arg_t){p->arg, s->mem[r]};
    }
    if (st == dnnl_success) {
        const dn_md_ref md = dnnl_primitive_desc_query_md(s->job.pd, dnnl_query_scratchpad_md, 0);
        if (dnnl_memory_desc_get_size(md) > 0) {
            st = dnnl_memory_create(&s->scratch, md, dn_engine, workspace + s->job.scratch_at);
            s->args[s->n_args++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, s->scratch};
        }
    }
    if (st != dnnl_success) {
        dn_state_free(s);
        if (st == dnnl_out_of_memory) return ppi_oom("oneDNN primitive");
        return ppi_fail(PP_ERR_INTERNAL, "oneDNN primitive creation failed with status %d",
                        (int)st);
    }
    a->state = s;
    return PP_OK;
}

static void dn_teardown(ppi_kernel_args *a) {
    if (a->state) dn_state_free(a->state);
    a->state = NULL;
}

/* Output: from the staged copy to the tensor, and the activation that the primitive did not do. */
static void dn_finish_output(const ppi_kernel_args *a, const dn_state *s) {
    const dn_part *p = &s->job.part[DN_DST];
    void *tensor = dn_tensor(a, p);
    const char *staged = (const char *)a->workspace + p->stage_at;
    if (s->job.add_after) {
        ppi_cpu_accumulate(tensor, p->tensor_type, staged, p->type, p->count, a->threads);
    } else if (p->staged) {
        ppi_cpu_convert(tensor, p->tensor_type, staged, p->type, 1.0f, p->count, a->threads);
    }
    if (s->job.own_act && a->accumulate) {
        ppi_cpu_accumulate(a->out[0].data, a->out[0].dtype, tensor, p->tensor_type, p->count,
                           a->threads);
    } else if (s->job.own_act && a->out[0].data) {
        ppi_cpu_act(a->out[0].data, a->out[0].dtype, tensor, p->tensor_type, a->params.act.act,
                    p->count, a->threads);
    }
}

/* Brings an operand into the layout of the primitive. */
static dnnl_status_t dn_pack(const ppi_kernel_args *a, const dn_state *s, int r) {
    const dn_part *p = &s->job.part[r];
    if (!p->paired) return dnnl_primitive_execute(s->pack[r], dn_stream, 2, s->pack_args[r]);
    char *workspace = a->workspace;
    void *to = p->kept ? s->kept : workspace + p->pack_at;
    const void *from = p->staged ? workspace + p->stage_at : dn_tensor(a, p);
    ppi_cpu_pack_pairs(to, from, p->rows, p->cols, p->trans, a->threads);
    return dnnl_success;
}

static pp_status dn_run(const ppi_kernel_args *a) {
    dn_state *s = a->state;
    omp_set_num_threads(dn_threads(a, s->job.kind));
    dnnl_status_t st = dnnl_success;
    for (int r = 0; r < DN_DST; r++) {
        const dn_part *p = &s->job.part[r];
        if (!p->used) continue;
        if (p->flipped) {
            int64_t rows, cols;
            dn_matrix(&a->in[p->in].shape, &rows, &cols);
            ppi_cpu_transpose((char *)a->workspace + p->stage_at, dn_tensor(a, p), p->type, rows,
                              cols, a->threads);
        } else if (p->staged) {
            ppi_cpu_convert((char *)a->workspace + p->stage_at, p->type, dn_tensor(a, p),
                            p->tensor_type, 1.0f, p->count, a->threads);
        }
        if (p->kept && s->kept_version == *a->weight_version) continue;
        if (p->packed && st == dnnl_success) st = dn_pack(a, s, r);
        if (p->kept && st == dnnl_success) s->kept_version = *a->weight_version;
    }
    if (st == dnnl_success) st = dnnl_primitive_execute(s->prim, dn_stream, s->n_args, s->args);
    if (st == dnnl_success && s->job.part[DN_DST].packed)
        st = dnnl_primitive_execute(s->pack[DN_DST], dn_stream, 2, s->pack_args[DN_DST]);
    if (st != dnnl_success)
        return ppi_fail(PP_ERR_INTERNAL, "oneDNN execution failed with status %d", (int)st);
    dn_finish_output(a, s);
    return PP_OK;
}

/* Accept, workspace and set-up functions of one op. */
#define DN_KERNEL(name, kind, linear)                                                              \
    static bool dn_##name##_accepts(const ppi_kernel_args *a) {                                    \
        return dn_can_add(a, linear) && dn_accepts(a, kind, linear);                               \
    }                                                                                              \
    static size_t dn_##name##_workspace(const ppi_kernel_args *a) {                                \
        return dn_workspace(a, kind, linear);                                                      \
    }                                                                                              \
    static pp_status dn_##name##_setup(ppi_kernel_args *a) {                                       \
        return dn_setup(a, kind, linear);                                                          \
    }

DN_KERNEL(linear, DN_MATMUL, true)
DN_KERNEL(matmul, DN_MATMUL, false)
DN_KERNEL(conv2d, DN_CONV, false)
DN_KERNEL(conv2d_grad_x, DN_CONV_GRAD_X, false)
DN_KERNEL(conv2d_grad_w, DN_CONV_GRAD_W, false)

#define DN_ENTRY(op, fn)                                                                           \
    {                                                                                              \
        PPI_OP_##op, {                                                                             \
            "onednn:" #fn, dn_##fn##_accepts, dn_##fn##_workspace, dn_##fn##_setup, dn_teardown,   \
                dn_run                                                                             \
        }                                                                                          \
    }

const ppi_kernel_entry ppi_onednn_table[] = {
    DN_ENTRY(LINEAR, linear),
    DN_ENTRY(MATMUL, matmul),
    DN_ENTRY(CONV2D, conv2d),
    DN_ENTRY(CONV2D_GRAD_X, conv2d_grad_x),
    DN_ENTRY(CONV2D_GRAD_W, conv2d_grad_w),
    {0},
};
