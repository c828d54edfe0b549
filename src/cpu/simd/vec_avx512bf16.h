/* The vectors of vec_avx512.h for processors that have AVX512_BF16 as well: rounding to bf16 is one
   instruction, which takes subnormal numbers as zero. */
#ifndef PPI_CPU_VEC_AVX512BF16_H
#define PPI_CPU_VEC_AVX512BF16_H

#define PPI_VEC_BF16
#include "cpu/simd/vec_avx512.h"

#endif
