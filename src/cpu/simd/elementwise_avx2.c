/* Elementwise kernels for AVX2. */
#include "cpu/simd/vec_avx2.h"

#include "cpu/simd/elementwise_tmpl.h"
#include "cpu/simd/layout_tmpl.h"
