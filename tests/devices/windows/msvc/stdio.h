#include <stddef.h>
typedef struct _iobuf FILE;
#define SEEK_SET 0
#define SEEK_END 2
#ifdef __cplusplus
extern "C" {
#endif
FILE *fopen(const char *, const char *);
size_t fread(void *, size_t, size_t, FILE *);
int fclose(FILE *), fseek(FILE *, long, int), ferror(FILE *), fgetc(FILE *);
long ftell(FILE *);
#ifdef __cplusplus
}
#endif
