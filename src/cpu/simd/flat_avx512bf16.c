/* Flat kernels for AVX-512 with AVX512_BF16. */
#include "cpu/simd/vec_avx512bf16.h"

#include "cpu/simd/flat_tmpl.h"
