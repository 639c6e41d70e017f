/* kernel_avx2.c: the kernel for processors of the x86-64 family with AVX2, popcnt and bmi. */

#if defined(__x86_64__)
#pragma GCC target("avx2,bmi,bmi2,lzcnt,popcnt")

#define KERNEL_AVX2
#define KERNEL_NAME "avx2"
#define KERNEL sx_kernel_avx2
#include "body.h"

#endif
