#ifdef __cplusplus
extern "C" {
#endif
int *_errno(void);
#ifdef __cplusplus
}
#endif
#define errno (*_errno())
#define ENOENT 2
#define EACCES 13
#define EISDIR 21
