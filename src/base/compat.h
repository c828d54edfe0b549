/* The only home of compiler extensions that C17 lacks: attributes and processor queries.
 *
 * Every macro has a plain fallback, so the tree also compiles without the extension. */
#ifndef PPI_BASE_COMPAT_H
#define PPI_BASE_COMPAT_H

#if defined(__GNUC__)
/* Argument number `fmt` is a printf format whose values start at argument number `args`. */
#define PPI_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define PPI_PRINTF(fmt, args)
#endif

#if defined(__GNUC__) && defined(__x86_64__)
/* Non-zero when processor and operating system support the feature, for example
 * PPI_CPU_SUPPORTS("avx2"). */
#define PPI_CPU_SUPPORTS(feature) __builtin_cpu_supports(feature)
/* Compiles one function for AVX2, whatever the file is compiled for. PPI_HAVE_AVX2 says whether the
 * intrinsics exist; the caller asks the processor. */
#define PPI_HAVE_AVX2 1
#define PPI_TARGET_AVX2 __attribute__((target("avx2")))
#else
#define PPI_CPU_SUPPORTS(feature) 0
#define PPI_HAVE_AVX2 0
#define PPI_TARGET_AVX2
#endif

#endif
