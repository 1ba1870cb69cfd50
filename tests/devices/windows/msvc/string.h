#include <stddef.h>
#ifdef __cplusplus
extern "C" {
#endif
void *memcpy(void *, const void *, size_t), *memmove(void *, const void *, size_t);
void *memset(void *, int, size_t);
int memcmp(const void *, const void *, size_t), strcmp(const char *, const char *);
int strncmp(const char *, const char *, size_t);
size_t strlen(const char *), strcspn(const char *, const char *);
char *strcat(char *, const char *), *strcpy(char *, const char *);
char *strchr(const char *, int), *strstr(const char *, const char *);
#ifdef __cplusplus
}
#endif
