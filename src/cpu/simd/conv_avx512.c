/* Direct convolutions of small images for AVX512. */
#include "cpu/simd/vec_avx512.h"

#include "cpu/simd/conv_tmpl.h"
