#include <stddef.h>
#ifdef __cplusplus
extern "C" {
#endif
void *malloc(size_t);
void free(void *);
char *getenv(const char *);
#ifdef __cplusplus
}
#endif
