// The few OpenBLAS entry points that Kernels calls, declared here so that the build needs no include path.
// Signatures: the CBLAS interface (netlib.org/blas) and OpenBLAS's own thread control.
#ifndef MULLAMA_COPENBLAS_SHIM_H
#define MULLAMA_COPENBLAS_SHIM_H

// C = alpha * op(A) * op(B) + beta * C. order: 101 row major; transpose: 111 no, 112 yes.
void cblas_sgemm(int order, int transA, int transB, int m, int n, int k,
                 float alpha, const float *a, int lda, const float *b, int ldb,
                 float beta, float *c, int ldc);

// Our worker pool owns the cores: OpenBLAS is kept at one thread per call.
void openblas_set_num_threads(int count);

#endif
