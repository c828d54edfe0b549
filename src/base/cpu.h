/* What the processor can do. */
#ifndef PPI_BASE_CPU_H
#define PPI_BASE_CPU_H

#include <polyplay/status.h>

/* Instruction sets that kernels are written for, each including the ones before it. */
typedef enum ppi_isa {
    PPI_ISA_REF,         /* plain C */
    PPI_ISA_AVX2,        /* AVX2 and FMA */
    PPI_ISA_AVX512,      /* AVX-512 F, BW, DQ, VL */
    PPI_ISA_AVX512_BF16, /* and AVX512_BF16 */
    PPI_ISA_COUNT
} ppi_isa;

/* The best usable set: the processor's, limited by POLYPLAY_MAX_ISA=ref|avx2|avx512|avx512_bf16.
 * Found once. */
ppi_isa ppi_cpu_isa(void);

/* The processor's own best set, whatever the limit. */
ppi_isa ppi_cpu_isa_detected(void);

/* The lower of `detected` and the limit text (NULL, empty or unknown: no limit). */
ppi_isa ppi_cpu_isa_limit(ppi_isa detected, const char *limit);

/* PP_ERR_ARGUMENT when POLYPLAY_MAX_ISA is set to something that names no set; for the start of a
 * program, as ppi_cpu_isa itself takes such a text for no limit. */
pp_status ppi_cpu_isa_check(void);

/* "ref", "avx2", "avx512", "avx512_bf16". */
const char *ppi_isa_name(ppi_isa isa);

/* Space-separated features found, for `info` and bug reports. Static storage. */
const char *ppi_cpu_features(void);

/* Processors this process may run on, at least 1. */
int ppi_cpu_count(void);

#endif
