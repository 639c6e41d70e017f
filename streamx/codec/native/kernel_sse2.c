/* kernel_sse2.c: the kernel for every processor of the x86-64 family. */

#if defined(__x86_64__)

#define KERNEL_SSE2
#define KERNEL_NAME "sse2"
#define KERNEL sx_kernel_sse2
#include "body.h"

#endif
