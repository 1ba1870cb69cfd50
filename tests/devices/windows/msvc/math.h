#define NAN __builtin_nanf("")
#define INFINITY __builtin_inff()
#ifdef __cplusplus
extern "C" {
#endif
double exp(double), expm1(double), fabs(double), fma(double, double, double), log1p(double);
double tanh(double);
float expf(float), expm1f(float), fabsf(float), fmaf(float, float, float), log1pf(float);
float tanhf(float);
#ifdef __cplusplus
}
#endif
