/* Elementwise kernels for AVX-512 with AVX512_BF16. */
#include "cpu/simd/vec_avx512bf16.h"

#include "cpu/simd/elementwise_tmpl.h"
#include "cpu/simd/layout_tmpl.h"
