/* Elementwise kernels for AVX512. */
#include "cpu/simd/vec_avx512.h"

#include "cpu/simd/elementwise_tmpl.h"
#include "cpu/simd/layout_tmpl.h"
